import { describe, expect, it } from 'vitest'
import { sharp } from '../../pixels/sharp.ts'
import { encodeApng } from './apng-encode.ts'
import { isSmallerFiltered, pngCompression } from './png-filters.ts'

const [WIDTH, HEIGHT] = [240, 160]

type Draw = (x: number, y: number) => number

/** Soft waves with a little noise, as in a photograph. */
const photograph: Draw = (x, y) => 128 + 90 * Math.sin(x / 17) * Math.cos(y / 23) + ((x * 31 + y * 17) % 5)
/** Lines of text: marks on a flat ground. */
const text: Draw = (x, y) => (y % 12 < 8 && ((x * 7) ^ (y * 5)) % 9 === 0 ? 20 : 250)
const flat: Draw = () => 200
/** A page with a photograph in its middle, of which most pixels are flat. */
const page: Draw = (x, y) => (x > 70 && x < 170 && y > 30 && y < 130 ? photograph(x, y) : text(x, y))

function pixelsOf(draw: Draw, channels: 3 | 4 = 3) {
  const data = Buffer.alloc(WIDTH * HEIGHT * channels, 255)
  for (let at = 0; at < WIDTH * HEIGHT; at += 1) {
    const grey = draw(at % WIDTH, Math.floor(at / WIDTH))
    data.set([grey, grey * 0.9, grey * 0.8], at * channels)
  }
  return { data, width: WIDTH, height: HEIGHT, channels }
}

describe('the rows of a PNG', () => {
  it.each([
    ['are filtered in a photograph', photograph, true],
    ['are filtered in a page with a photograph', page, true],
    ['are not filtered in text', text, false],
    ['are not filtered in a flat area', flat, false],
  ])('%s', async (_, draw, filtered) => {
    const { data, ...raw } = pixelsOf(draw)
    const bytesOf = async (choice: boolean) =>
      (await sharp(data, { raw }).png(pngCompression(choice)).toBuffer()).length
    expect(isSmallerFiltered({ data, ...raw })).toBe(filtered)
    // The choice is the smaller file.
    expect(await bytesOf(filtered)).toBeLessThanOrEqual(await bytesOf(!filtered))
  })

  it('are filtered in an animation of photographs', async () => {
    const frames = [photograph, (x: number, y: number) => photograph(x + 40, y)]
    const data = Buffer.concat(frames.map((draw) => pixelsOf(draw, 4).data))
    const apng = await encodeApng({ data, width: WIDTH, height: HEIGHT, timing: { loop: 0 } })
    const raw = { width: WIDTH, height: HEIGHT * frames.length, channels: 4 } as const
    const unfiltered = { ...pngCompression(true), adaptiveFiltering: false }
    const plain = await sharp(data, { raw }).removeAlpha().png(unfiltered).toBuffer()
    expect(apng.length).toBeLessThan(plain.length * 0.8)
  })
})
