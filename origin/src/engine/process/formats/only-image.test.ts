import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { holdsOnlyImage } from './only-image.ts'
import { encodePngChunk } from './png/png-chunks.ts'
import { riffChunks, WEBP_HEADER_BYTES } from './webp/riff.ts'

/** Encodes an animated WebP of two frames. */
function moving(): Promise<Buffer> {
  const raw = { width: 8, height: 16, channels: 4, pageHeight: 8 } as const
  return sharp(Buffer.alloc(8 * 16 * 4, Buffer.alloc(8 * 8 * 4, 255)).fill(9, 8 * 8 * 4), { raw })
    .webp({ delay: [50, 50] })
    .toBuffer()
}

/** Appends a text to the last frame of an animated WebP, after its coded image, where no viewer shows it. */
function withHiddenText(webp: Buffer): Buffer {
  const text = Buffer.from('XMP \x06\0\0\0secret', 'latin1')
  const hiding = Buffer.concat([webp, text])
  hiding.writeUInt32LE(hiding.length - 8, 4)
  const last = [...riffChunks(webp, WEBP_HEADER_BYTES)].at(-1)
  const data = last?.data ?? webp
  hiding.writeUInt32LE(data.length + text.length, data.byteOffset - webp.byteOffset - 4)
  return hiding
}

it('an animated WebP holds only its image when it contains only its frames', async () => {
  const webp = await moving()
  expect(holdsOnlyImage(webp, 'webp')).toBe(true)
  const hiding = withHiddenText(webp)
  expect((await sharp(hiding).metadata()).pages).toBe(2)
  expect(holdsOnlyImage(hiding, 'webp')).toBe(false)
})

const plain = sharp(Buffer.alloc(8 * 8 * 3, 9), { raw: { width: 8, height: 8, channels: 3 } })

/** Inserts bytes at an offset. */
function insert(bytes: Buffer, at: number, ...inserted: readonly Uint8Array[]): Buffer {
  return Buffer.concat([bytes.subarray(0, at), ...inserted, bytes.subarray(at)])
}

/** A JPEG segment with its marker and length. */
function segment(marker: number, ...data: readonly (string | Uint8Array)[]): Buffer {
  const body = Buffer.concat(data.map((part) => Buffer.from(part as string, 'latin1')))
  return Buffer.concat([Buffer.from([0xff, marker, 0, body.length + 2]), body])
}

describe('whether a JPEG holds only its image', () => {
  const JFIF = Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1')
  const ADOBE = Buffer.from('Adobe\0\x64\0\0\0\0\x01', 'latin1')
  it.each([
    ['nothing else', [], true],
    ["JFIF's header", [segment(0xe0, JFIF)], true],
    ["Adobe's marker", [segment(0xee, ADOBE)], true],
    ['a JFIF thumbnail', [segment(0xe0, JFIF.subarray(0, 12), '\x01\x01rgb')], false],
    ['a JFXX thumbnail', [segment(0xe0, JFIF), segment(0xe0, 'JFXX\0\x10thumbnail')], false],
    ["a camera's data in APP0", [segment(0xe0, 'II\x1a\0\0\0HEAPJPGM')], false],
    ['more data after JFIF', [segment(0xe0, JFIF, 'secret')], false],
    ["more data after Adobe's marker", [segment(0xee, ADOBE, 'secret')], false],
    ['EXIF', [segment(0xe1, 'Exif\0\0')], false],
  ])('is decided by its segments: %s', async (_, segments, isOnly) => {
    // Sharp writes none of these segments but JFIF, directly behind the start of the image.
    const jpeg = await plain.clone().jpeg().toBuffer()
    const bytes = jpeg[3] === 0xe0 ? Buffer.concat([jpeg.subarray(0, 2), jpeg.subarray(20)]) : jpeg
    expect(holdsOnlyImage(insert(bytes, 2, ...segments), 'jpeg')).toBe(isOnly)
  })
})

describe('whether a PNG holds only its image', () => {
  it.each([
    ['gAMA', 4, true],
    ['gAMA', 5, false],
    ['bKGD', 6, true],
    ['bKGD', 7, false],
    ['pHYs', 9, true],
    ['pHYs', 100, false],
    ['tEXt', 1, false],
  ])('is decided by its chunks: %s of %i bytes', async (id, length, isOnly) => {
    const png = await plain.clone().png().toBuffer()
    // Behind IHDR.
    expect(holdsOnlyImage(insert(png, 33, encodePngChunk(id, new Uint8Array(length))), 'png')).toBe(isOnly)
  })
})

describe('whether a GIF is isOnly', () => {
  const NETSCAPE = '\x21\xff\x0bNETSCAPE2.0'
  it.each([
    ['a loop count', `${NETSCAPE}\x03\x01\0\0\0`, true],
    ['a loop count and a buffer size', `${NETSCAPE}\x03\x01\0\0\x05\x02\0\0\0\0\0`, true],
    ['text after the loop count', `${NETSCAPE}\x03\x01\0\0\x0csecret notes\0`, false],
    ['text in a graphic control', '\x21\xf9\x04\0\0\0\0\x06secret\0', false],
    ['a comment', '\x21\xfe\x06secret\0', false],
  ])('is decided by its extensions: %s', async (_, extension, isOnly) => {
    const gif = await plain.clone().gif().toBuffer()
    const start = gif.indexOf(Buffer.from([0x21, 0xf9]))
    expect(holdsOnlyImage(insert(gif, start, Buffer.from(extension, 'latin1')), 'gif')).toBe(isOnly)
  })
})
