import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { imagesInSvg } from './svg-image-sizes.ts'

const image = () => sharp({ create: { width: 40, height: 30, channels: 3, background: '#336699' } })
const photograph = async () => (await image().jpeg().toBuffer()) as Buffer

function drawingOf(...embedded: readonly Uint8Array[]): Buffer {
  const images = embedded.map((bytes) => {
    const data = Buffer.from(bytes).toString('base64')
    return `<image width="4" height="3" href="data:image/any;base64,${data}"/>`
  })
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">${images.join('')}</svg>`)
}

function bitmap(): Buffer {
  const header = Buffer.alloc(54)
  header.write('BM', 'latin1')
  header.writeUInt32LE(40, 14)
  header.writeInt32LE(40, 18)
  header.writeInt32LE(-30, 22)
  return header
}

describe('images embedded in SVG', () => {
  it.each([
    ['JPEG', photograph],
    ['JPEG with a profile before its dimensions', () => image().withIccProfile('p3').jpeg().toBuffer()],
    ['PNG', () => image().png().toBuffer()],
    ['GIF', () => image().gif().toBuffer()],
    ['lossy WebP', () => image().webp().toBuffer()],
    ['lossless WebP', () => image().webp({ lossless: true }).toBuffer()],
    ['WebP with alpha', () => image().ensureAlpha(0.5).webp().toBuffer()],
    ['bitmap', async () => bitmap()],
  ])('are measured by their headers: %s', async (_, make) => {
    const bytes = await make()
    const encoded = 4 * Math.ceil(bytes.length / 3)
    expect(imagesInSvg(drawingOf(bytes))).toEqual({ bytes: encoded, pixels: 1200, isUnfinished: false })
    expect(imagesInSvg(drawingOf(bytes, bytes))).toMatchObject({ bytes: 2 * encoded, pixels: 2400 })
  })

  it('count as the largest convertible size when they declare none', async () => {
    const { pixels } = imagesInSvg(drawingOf(await image().avif().toBuffer()))
    expect(pixels).toBe(16_000_000)
  })

  it('are not found in a font or in empty data', () => {
    expect(imagesInSvg(drawingOf(Buffer.from('wOF2 and so on')))).toMatchObject({ pixels: 0 })
    expect(imagesInSvg(drawingOf(Buffer.alloc(0)))).toEqual({ bytes: 0, pixels: 0, isUnfinished: false })
    expect(imagesInSvg(drawingOf())).toEqual({ bytes: 0, pixels: 0, isUnfinished: false })
  })

  it('are unfinished when they continue after the scanned bytes', async () => {
    const drawing = drawingOf(await photograph())
    expect(imagesInSvg(drawing.subarray(0, -100))).toMatchObject({ pixels: 1200, isUnfinished: true })
  })

  it('may be very many', () => {
    const drawing = Buffer.alloc(4_000_000, ';base64,')
    expect(imagesInSvg(drawing)).toMatchObject({ pixels: 0, isUnfinished: true })
    expect(imagesInSvg(Buffer.alloc(4_000_000, ';base64,"'))).toMatchObject({ bytes: 0 })
  })
})
