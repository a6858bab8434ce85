/** Compares the predicted memory of real jobs with what they use. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, it } from 'vitest'
import { iconBitmap, iconOf } from '../media/icons.test-data.ts'
import { type CostCase, expectRightPrediction, noise, options } from './measured-cost.test-data.ts'
import { BT709, greyProfile, rgbProfile } from './process/colours/icc-profile.ts'
import { encodeApng } from './process/formats/png/apng-encode.ts'
import { encodePngChunk, PNG_SIGNATURE, pngChunks } from './process/formats/png/png-chunks.ts'

/**
 * An animated PNG of three large frames in plain colours. Without the `fcTL` chunk of its first frame, that
 * frame is the default image, which is not part of the animation.
 */
async function largeApng(hidesFirst = false): Promise<Buffer> {
  const [width, height] = [3000, 2500]
  const frameBytes = width * height * 4
  const data = Buffer.alloc(3 * frameBytes, 128)
  data.fill(90, frameBytes, 2 * frameBytes)
  const png = await encodeApng({ data, width, height, timing: { loop: 0, delay: [100, 100, 100] } })
  const [first] = [...pngChunks(png)].filter(({ id }) => id === 'fcTL')
  if (!hidesFirst || first === undefined) return Buffer.from(png)
  const framingBytes = 12
  return Buffer.concat([
    png.subarray(0, first.end - first.data.length - framingBytes),
    png.subarray(first.end),
  ])
}

async function deepGrey(width: number, height: number): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-cost-'))
  const profile = join(directory, 'grey.icc')
  await writeFile(profile, greyProfile(1.8))
  const grey = noise(width, height).toColourspace('grey16').withIccProfile(profile)
  const tiff = await grey.tiff({ compression: 'lzw' }).toBuffer()
  await rm(directory, { recursive: true })
  return tiff
}

/** Builds a TIFF with two samples behind its colours. */
async function selectedTiff(width: number, height: number, depth: 'srgb' | 'rgb16'): Promise<Buffer> {
  const raw = { width, height, channels: 1 } as const
  const selection = Buffer.alloc(width * height, 128)
  const colours = noise(width, height).joinChannel([selection, selection], { raw })
  return colours.toColourspace(depth).tiff({ compression: 'lzw' }).toBuffer()
}

async function greyJpeg(width: number, height: number): Promise<Buffer> {
  const jpeg = await noise(width, height).toColourspace('b-w').jpeg().toBuffer()
  const data = Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), rgbProfile(BT709, 1.8)])
  const start = Buffer.of(0xff, 0xd8, 0xff, 0xe2, (data.length + 2) >> 8, (data.length + 2) & 0xff)
  return Buffer.concat([start, data, jpeg.subarray(2)])
}

const CASES: readonly CostCase[] = [
  {
    name: 'a large JPEG to a small WebP',
    source: async () => ({ format: 'jpeg', bytes: await noise(4000, 3000).jpeg().toBuffer() }),
    options: options('webp', 550),
  },
  {
    name: 'a progressive JPEG with 4:2:0',
    source: async () => ({
      format: 'jpeg',
      bytes: await noise(4000, 3000).jpeg({ progressive: true, chromaSubsampling: '4:2:0' }).toBuffer(),
    }),
    options: options('webp', 550),
  },
  {
    name: 'a rotated JPEG to AVIF',
    source: async () => ({
      format: 'jpeg',
      bytes: await noise(1600, 1200).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    }),
    options: options('avif', 1200),
  },
  {
    name: 'a JPEG to WebP of the same size',
    source: async () => ({ format: 'jpeg', bytes: await noise(2000, 1500).jpeg().toBuffer() }),
    options: options('webp', 2000),
  },
  {
    name: 'an interlaced PNG of one colour to a small JPEG',
    source: async () => ({
      format: 'png',
      bytes: await sharp({ create: { width: 4000, height: 3000, channels: 3, background: '#0a0' } })
        .png({ progressive: true })
        .toBuffer(),
    }),
    options: options('jpeg', 64),
  },
  {
    name: 'a PNG of 16 bits to lossless WebP',
    source: async () => ({
      format: 'png',
      bytes: await noise(1400, 1000)
        .ensureAlpha()
        .toColourspace('rgb16')
        .png({ compressionLevel: 1 })
        .toBuffer(),
    }),
    options: options('webp', 1400, { quality: 'lossless' }),
  },
  {
    name: 'an AVIF to WebP',
    source: async () => ({ format: 'avif', bytes: await noise(1600, 1200).avif({ effort: 0 }).toBuffer() }),
    options: options('webp', 1600),
  },
  {
    name: 'a blurred WebP',
    source: async () => ({ format: 'webp', bytes: await noise(1600, 1200).webp({ effort: 0 }).toBuffer() }),
    options: options('webp', 1600, { blur: 20 }),
  },
  {
    name: 'a part of a large JPEG, rotated and padded',
    source: async () => ({ format: 'jpeg', bytes: await noise(4000, 3000).jpeg().toBuffer() }),
    options: options('webp', 1200, {
      crop: { unit: 'pixel', x: 500, y: 500, width: 3000, height: 2000 },
      rotate: 90,
      pad: { top: 20, right: 20, bottom: 20, left: 20 },
    }),
  },
  {
    name: 'a JPEG cropped towards faces',
    source: async () => ({ format: 'jpeg', bytes: await noise(3000, 2000).jpeg().toBuffer() }),
    options: options('webp', 600, {
      geometry: { kind: 'transformation', width: 600, height: 900, fit: 'cover', gravity: 'face' },
    }),
  },
  {
    name: 'a trimmed PNG',
    source: async () => ({
      format: 'png',
      bytes: await noise(2000, 1500).png({ compressionLevel: 1 }).toBuffer(),
    }),
    options: options('jpeg', 1000, { trim: true }),
  },
  {
    name: 'a PNG that is cut off',
    source: async () => {
      const bytes = await noise(3000, 2000).png({ compressionLevel: 1 }).toBuffer()
      return { format: 'png', bytes: bytes.subarray(0, bytes.length / 2) }
    },
    options: options('jpeg', 200),
  },
  {
    name: 'a PNG with correct checksums and half of its data',
    source: async () => {
      const [header, ...rest] = [
        ...pngChunks(await noise(3000, 2000).png({ compressionLevel: 1 }).toBuffer()),
      ]
      const data = Buffer.concat(rest.filter(({ id }) => id === 'IDAT').map((chunk) => chunk.data))
      const half = encodePngChunk('IDAT', data.subarray(0, data.length / 2))
      const chunks = [encodePngChunk('IHDR', header?.data ?? Buffer.alloc(0)), half, encodePngChunk('IEND')]
      return { format: 'png', bytes: Buffer.concat([PNG_SIGNATURE, ...chunks]) }
    },
    options: options('jpeg', 200),
  },
  {
    name: 'a plain PNG that is cut off',
    source: async () => {
      const plain = sharp({ create: { width: 3000, height: 2000, channels: 3, background: '#0a0' } })
      const bytes = await plain.png({ compressionLevel: 9 }).toBuffer()
      return { format: 'png', bytes: bytes.subarray(0, bytes.length / 2) }
    },
    options: options('webp', 200),
  },
  {
    name: 'an SVG of many elements',
    source: async () => ({
      format: 'svg',
      bytes: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">${'<g/>'.repeat(100_000)}</svg>`,
      ),
    }),
    options: options('webp', 64),
  },
  {
    name: 'an SVG of many paths',
    source: async () => ({
      format: 'svg',
      bytes: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">${Array.from(
          { length: 20_000 },
          (_, at) => `<path d="M${at % 64} 2L3 4C5 6 7 8 9 10Z" fill="#f00" stroke="blue"/>`,
        ).join('')}</svg>`,
      ),
    }),
    options: options('webp', 64),
  },
  {
    name: 'an SVG of a long path',
    source: async () => ({
      format: 'svg',
      bytes: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><path d="M1 2${'L3 4C5 6 7 8 9 10'.repeat(60_000)}Z"/></svg>`,
      ),
    }),
    options: options('webp', 64),
  },
  {
    name: 'a grey JPEG with an RGB profile',
    source: async () => ({ format: 'jpeg', bytes: await greyJpeg(4000, 3000) }),
    options: options('webp', 550),
  },
  {
    name: 'a TIFF of 16-bit grey with a profile',
    source: async () => ({ format: 'tiff', bytes: await deepGrey(2000, 1500) }),
    options: options('webp', 400),
  },
  {
    name: 'a TIFF of 8 bits with two selections',
    source: async () => ({ format: 'tiff', bytes: await selectedTiff(3000, 2000, 'srgb') }),
    options: options('webp', 400),
  },
  {
    name: 'a TIFF of 16 bits with two selections',
    source: async () => ({ format: 'tiff', bytes: await selectedTiff(2000, 1500, 'rgb16') }),
    options: options('webp', 400),
  },
  {
    name: 'an icon of a large bitmap',
    source: async () => {
      const [width, height] = [2000, 1500]
      const pixels = await noise(width, height).ensureAlpha(0.5).raw().toBuffer()
      const header = iconBitmap({ width, height, bits: 32, pixels: [] })
      return { format: 'ico', bytes: iconOf([{ width, height, image: Buffer.concat([header, pixels]) }]) }
    },
    options: options('webp', 400),
  },
  {
    name: 'an icon of a PNG with 16 bits and a profile',
    source: async () => {
      const pixels = noise(2000, 1500).toColourspace('rgb16').withIccProfile('p3')
      return {
        format: 'ico',
        bytes: iconOf([{ width: 256, height: 256, image: await pixels.png().toBuffer() }]),
      }
    },
    options: options('webp', 400),
  },
  {
    name: 'an icon of a truncated PNG',
    source: async () => {
      const png = await noise(2000, 1500).ensureAlpha(0.5).png({ compressionLevel: 1 }).toBuffer()
      const image = png.subarray(0, png.length - 1000)
      return { format: 'ico', bytes: iconOf([{ width: 256, height: 256, image }]) }
    },
    options: options('webp', 400),
  },
  {
    name: 'a GIF that is cut off',
    source: async () => {
      const bytes = await noise(2000, 1500).gif({ effort: 1 }).toBuffer()
      return { format: 'gif', bytes: bytes.subarray(0, bytes.length / 2) }
    },
    options: options('webp', 400),
  },
  {
    name: 'a PNG of noise in every colour to GIF',
    source: async () => ({
      format: 'png',
      bytes: await noise(1000, 1000).png({ compressionLevel: 1 }).toBuffer(),
    }),
    options: options('gif', 1000),
  },
  {
    name: 'a JPEG whose pixels are kept for other jobs',
    source: async () => ({
      format: 'jpeg',
      shared: true,
      bytes: await noise(2400, 2000).jpeg().toBuffer(),
    }),
    options: options('webp', 400),
  },
  {
    name: 'a PNG whose pixels are kept for other jobs',
    source: async () => ({
      format: 'png',
      shared: true,
      bytes: await noise(2400, 2000).png({ compressionLevel: 1 }).toBuffer(),
    }),
    options: options('webp', 1600),
  },
  {
    name: 'a sharpened JPEG to WebP with a byte limit',
    source: async () => ({ format: 'jpeg', bytes: await noise(2000, 1500).jpeg().toBuffer() }),
    options: options('webp', 1600, { sharpen: 2, maxBytes: 30_000 }),
  },
  {
    name: 'a part of an SVG',
    source: async () => ({
      format: 'svg',
      bytes: Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"><circle cx="400" cy="300" r="250"/></svg>',
      ),
    }),
    options: options('png', 1200, {
      crop: { unit: 'ten-thousandth', x: 2500, y: 0, width: 5000, height: 10_000 },
    }),
  },
  {
    name: 'an animation, rotated and sharpened, with a byte limit',
    source: async () => ({
      format: 'webp',
      bytes: await sharp(
        await noise(320, 240 * 20)
          .raw()
          .toBuffer(),
        { raw: { width: 320, height: 240 * 20, channels: 3, pageHeight: 240 } },
      )
        .webp({ effort: 0 })
        .toBuffer(),
    }),
    options: options('webp', 320, { animated: true, rotate: 180, sharpen: 2, maxBytes: 50_000 }),
  },
  {
    name: 'a long animated WebP to a small one',
    source: async () => ({ format: 'webp', bytes: await longWebp() }),
    options: options('webp', 100, { animated: true }),
  },
  {
    name: 'an animated WebP to an animated PNG',
    source: async () => ({
      format: 'webp',
      bytes: await sharp(
        await noise(320, 240 * 30)
          .raw()
          .toBuffer(),
        {
          raw: { width: 320, height: 240 * 30, channels: 3, pageHeight: 240 },
        },
      )
        .webp({ effort: 0 })
        .toBuffer(),
    }),
    options: options('png', 320, { animated: true }),
  },
  {
    name: 'an animated PNG to a small animated WebP',
    source: async () => ({ format: 'png', bytes: await largeApng() }),
    options: options('webp', 64, { animated: true }),
  },
  {
    name: 'an animated PNG with a hidden default image to a small still',
    source: async () => ({ format: 'png', bytes: await largeApng(true) }),
    options: options('webp', 64),
  },
  {
    name: 'a TIFF of large tiles',
    source: async () => ({
      format: 'tiff',
      bytes: await sharp({ create: { width: 4000, height: 3000, channels: 3, background: 'red' } })
        .tiff({ compression: 'lzw', tile: true, tileWidth: 2048, tileHeight: 2048 })
        .toBuffer(),
    }),
    options: options('webp', 64),
  },
  {
    name: 'an SVG with an embedded photograph',
    source: async () => {
      const photo = (await noise(3000, 2000).jpeg().toBuffer()).toString('base64')
      const image = `<image width="300" height="200" href="data:image/jpeg;base64,${photo}"/>`
      const bytes = Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">${image}</svg>`,
      )
      return { format: 'svg', bytes }
    },
    options: options('png', 300),
  },
  {
    name: 'an SVG of one circle',
    source: async () => ({
      format: 'svg',
      bytes: Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="1200"><circle cx="800" cy="600" r="500"/></svg>',
      ),
    }),
    options: options('png', 1600),
  },
]

// The peak of a process is read from Linux's /proc. On other systems the tables are not checked.
describe.skipIf(process.platform !== 'linux')('the cost model of real jobs', () => {
  it.each(CASES)('predicts at least the measured memory and at most three times it: $name', (each) =>
    expectRightPrediction(each, 'off'),
  )
})

/**
 * Makes 120 frames of 600 x 400 pixels: 115 MB of decoded pixels, which is more than libvips keeps by
 * default.
 */
function longWebp(): Promise<Buffer> {
  const [width, height, frames] = [600, 400, 120]
  const data = Buffer.alloc(width * height * frames * 3)
  for (let frame = 0; frame < frames; frame += 1)
    data.fill(frame, frame * width * height * 3, (frame + 1) * width * height * 3)
  const raw = { width, height: height * frames, channels: 3, pageHeight: height } as const
  return sharp(data, { raw, limitInputPixels: false }).webp({ effort: 0 }).toBuffer()
}
