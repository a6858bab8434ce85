/** Media that the tests make themselves. */

import sharp from 'sharp'

const RED = { r: 220, g: 30, b: 30 }
const BLUE = { r: 30, g: 30, b: 220 }

/** Left half red, right half blue: tells apart what was turned, cut or mirrored. */
function halves(width: number, height: number) {
  return sharp({ create: { width, height, channels: 3, background: RED } }).composite([
    {
      input: { create: { width: Math.ceil(width / 2), height, channels: 3, background: BLUE } },
      left: Math.floor(width / 2),
      top: 0,
    },
  ])
}

export const halvesPng = (width: number, height: number) => halves(width, height).png().toBuffer()

export const halvesJpeg = (width: number, height: number) =>
  halves(width, height).jpeg({ quality: 95 }).toBuffer()

/** Upright: red above blue. Stored on its side with EXIF orientation 6 and a GPS position. */
export const orientedJpeg = (width: number, height: number) =>
  halves(width, height)
    .jpeg({ quality: 95 })
    .withMetadata({ orientation: 6 })
    .withExifMerge({ IFD0: { Make: 'TestCamera' }, IFD3: { GPSLatitude: '52/1 31/1 0/1' } })
    .toBuffer()

/** Noise that no encoder can make small: for measuring sizes and for telling qualities apart. */
export const noisePng = (width: number, height: number) =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: 'black',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .png()
    .toBuffer()

export const transparentPng = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: { r: 20, g: 200, b: 20, alpha: 0.5 } } })
    .png()
    .toBuffer()

export const GIF_DELAYS_MS = [100, 250, 400]

/** Three frames (red, green, blue) with different times, played twice. */
export async function animatedGif(width: number, height: number): Promise<Buffer> {
  const frames = await Promise.all(
    ['red', 'green', 'blue'].map((background) =>
      sharp({ create: { width, height, channels: 4, background } })
        .raw()
        .toBuffer(),
    ),
  )
  const raw = { width, height: height * frames.length, channels: 4, pageHeight: height } as const
  return sharp(Buffer.concat(frames), { raw }).gif({ loop: 2, delay: GIF_DELAYS_MS }).toBuffer()
}

export const SVG = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><script>alert(1)</script>' +
    '<rect width="200" height="100" fill="#00ff00"/></svg>',
)

/** A PNG of a few bytes that declares any size: what it costs is only told by its header. */
export function declaredPng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 6, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', Buffer.alloc(8, 7)),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
