/** Media that the tests generate. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  encodePngChunk,
  PNG_SIGNATURE,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { seededRandom } from './seeded-random.ts'

const RED = { r: 220, g: 30, b: 30 }
const BLUE = { r: 30, g: 30, b: 220 }

/** An image with a red left half and a blue right half, which shows rotation, cropping and mirroring. */
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

/**
 * A JPEG that is red above blue when upright. It is stored
 * on its side with EXIF orientation 6 and a GPS position.
 */
export const orientedJpeg = (width: number, height: number) =>
  halves(width, height)
    .jpeg({ quality: 95 })
    .withMetadata({ orientation: 6 })
    .withExifMerge({ IFD0: { Make: 'TestCamera' }, IFD3: { GPSLatitude: '52/1 31/1 0/1' } })
    .toBuffer()

/**
 * Noise that no encoder can compress well, for measuring sizes and comparing qualities. It is deterministic.
 */
export function noisePng(width: number, height: number): Promise<Buffer> {
  const random = seededRandom(1)
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => 256 * random())
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

/** An image of two halves, 100x60, with a border of 20 transparent pixels. */
export const borderedPng = async () =>
  sharp(await halvesPng(100, 60))
    .extend({ top: 20, right: 20, bottom: 20, left: 20, background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .png()
    .toBuffer()

export const transparentPng = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: { r: 20, g: 200, b: 20, alpha: 0.5 } } })
    .png()
    .toBuffer()

/** Draws faces around the given points in front of a wall, each about 160 pixels wide and 200 high. */
export function portraitSvg(
  width: number,
  height: number,
  faces: readonly (readonly [x: number, y: number])[],
): Buffer {
  const face = `<path d="M-110 260Q-100 120 0 110Q100 120 110 260Z" fill="#334"/><rect x="-30" y="80" width="60" height="50" fill="#b98060"/>
    <ellipse cy="-20" rx="92" ry="112" fill="#3a2518"/><ellipse cy="5" rx="78" ry="102" fill="#e0a880"/>
    <path d="M-80 -40Q-40 -110 0 -95Q50 -110 80 -40Q60 -75 0 -75Q-60 -75 -80 -40Z" fill="#3a2518"/>
    <path d="M-52 -24Q-35 -36 -14 -26M14 -26Q35 -36 52 -24" stroke="#3a2518" stroke-width="7" fill="none"/>
    <ellipse cx="-33" cy="-6" rx="15" ry="8" fill="#fff"/><ellipse cx="33" cy="-6" rx="15" ry="8" fill="#fff"/>
    <circle cx="-33" cy="-6" r="7" fill="#312"/><circle cx="33" cy="-6" r="7" fill="#312"/>
    <path d="M-6 -4Q-14 30 -14 36Q0 46 14 36" stroke="#a0684a" stroke-width="5" fill="none"/>
    <path d="M-28 62Q0 54 28 62Q0 80 -28 62Z" fill="#a4433f"/>`
  const placed = faces.map(([x, y]) => `<g transform="translate(${x} ${y})">${face}</g>`)
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#5a7a8a"/>${placed.join('')}</svg>`,
  )
}

export const portraitPng = (...args: Parameters<typeof portraitSvg>) =>
  sharp(portraitSvg(...args))
    .removeAlpha()
    .png()
    .toBuffer()

export const GIF_DELAYS_MS = [100, 250, 400]

/** A GIF of three frames (red, green, blue) with different delays, played twice. */
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

/** A PNG of a few bytes that declares any size, so that only its header shows its cost. */
export function declaredPng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 6, 0, 0, 0], 8)
  return Buffer.concat([
    PNG_SIGNATURE,
    encodePngChunk('IHDR', header),
    encodePngChunk('IDAT', Buffer.alloc(8, 7)),
    encodePngChunk('IEND'),
  ])
}

/** A frame of an animated PNG: a rectangle of one colour. */
export interface PngFrame {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** RGBA, 0 to 255. */
  readonly colour: readonly [number, number, number, number]
  /** The delay in seconds, as numerator and denominator. */
  readonly delay: readonly [number, number]
  /** 0 none, 1 background, 2 previous. */
  readonly dispose: number
  /** 0 source, 1 over. */
  readonly blend: number
}

export interface AnimatedPngOptions {
  readonly width: number
  readonly height: number
  readonly loop: number
  readonly frames: readonly PngFrame[]
  /** The colour of a default image that is not a frame. Viewers without animation show it. */
  readonly defaultColour?: PngFrame['colour']
  /** The number of frames declared in the header, when it is wrong on purpose. */
  readonly announcedFrames?: number
}

export async function animatedPng(options: AnimatedPngOptions): Promise<Buffer> {
  const { width, height, loop, frames, defaultColour, announcedFrames = frames.length } = options
  const chunks: Uint8Array[] = []
  let sequence = 0
  if (defaultColour !== undefined)
    chunks.push(encodePngChunk('IDAT', await rectangleData(width, height, defaultColour)))
  for (const [index, frame] of frames.entries()) {
    const control = Buffer.alloc(26)
    const numbers = [sequence, frame.width, frame.height, frame.left, frame.top]
    for (const [at, value] of numbers.entries()) control.writeUInt32BE(value, at * 4)
    control.writeUInt16BE(frame.delay[0], 20)
    control.writeUInt16BE(frame.delay[1], 22)
    control.set([frame.dispose, frame.blend], 24)
    chunks.push(encodePngChunk('fcTL', control))
    sequence += 1
    const data = await rectangleData(Math.max(1, frame.width), Math.max(1, frame.height), frame.colour)
    if (index === 0 && defaultColour === undefined) {
      chunks.push(encodePngChunk('IDAT', data))
    } else {
      chunks.push(encodePngChunk('fdAT', uint32(sequence), data))
      sequence += 1
    }
  }
  const header = Buffer.concat([uint32(width), uint32(height), Buffer.from([8, 6, 0, 0, 0])])
  return Buffer.concat([
    PNG_SIGNATURE,
    encodePngChunk('IHDR', header),
    encodePngChunk('acTL', uint32(announcedFrames), uint32(loop)),
    ...chunks,
    encodePngChunk('IEND'),
  ])
}

/** Returns the compressed pixels of a rectangle of one colour, as in an `IDAT` chunk. */
async function rectangleData(
  width: number,
  height: number,
  [r, g, b, alpha]: PngFrame['colour'],
): Promise<Uint8Array> {
  const background = { r, g, b, alpha: alpha / 255 }
  const png = await sharp({ create: { width, height, channels: 4, background } })
    .png()
    .toBuffer()
  return Buffer.concat([...pngChunks(png)].filter(({ id }) => id === 'IDAT').map(({ data }) => data))
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/**
 * An APNG of the same three frames as `animatedGif`, with the same delays, played twice. The second and third
 * frame cover only a part.
 */
export function movingPng(width: number, height: number): Promise<Buffer> {
  const whole = { left: 0, top: 0, width, height, dispose: 0, blend: 0 }
  const half = { ...whole, width: width / 2, blend: 1 }
  return animatedPng({
    width,
    height,
    loop: 2,
    frames: [
      { ...whole, colour: [255, 0, 0, 255], delay: [1, 10] },
      { ...half, colour: [0, 128, 0, 255], delay: [25, 100] },
      { ...half, colour: [0, 0, 255, 255], delay: [400, 1000] },
    ],
  })
}

/**
 * 48x64 when upright, blue above red in sRGB. It is stored
 * on its side (`irot`) with a Display P3 profile and alpha.
 */
export const turnedHeic = () => readFile(join(import.meta.dirname, 'media/turned-p3.heic'))

/** The decoder of other images, for tests with images that Sharp decodes. It must not be called. */
export const noStills = async () => fail('defect', 'no such image here')
