import { QUICK_JOB } from '@media-proxy/origin/engine/lanes.ts'
import { createPixelCache, type SharedPixels } from '@media-proxy/origin/engine/process/image/pixel-cache.ts'
import { renderImageJob } from '@media-proxy/origin/engine/process/jobs/render-image-job.ts'
import { memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import type { RenderOptions } from '@media-proxy/origin/engine/render-options.ts'
import { sniff } from '@media-proxy/origin/media/sniff.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { corpusFiles, corpusFolders, readCorpus } from '../corpus/corpus.ts'
import { seededRandom } from '../seeded-random.ts'
import { ANY_COST, ignoreReport, videoTools } from '../video-tools.ts'
import { FULL_SIZE_WEBP } from './render-options.ts'

/** Builds a substitute for a photograph: all rows and columns differ, and the sides are odd. */
function gradient(width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp {
  const random = seededRandom(7)
  const pixels = Uint8Array.from(
    { length: width * height * channels },
    (_, at) => (((at * 31) / (width * channels)) % 200) + 40 * random(),
  )
  return sharp(pixels, { raw: { width, height, channels } })
}

/** Builds a bitmap of 24 bits per pixel, stored from bottom to top, with rows padded to four bytes. */
function bitmap(width: number, height: number): Buffer {
  const rowBytes = 4 * Math.ceil((3 * width) / 4)
  const file = Buffer.alloc(54 + rowBytes * height)
  file.write('BM', 0, 'latin1')
  file.writeUInt32LE(file.length, 2)
  file.writeUInt32LE(54, 10)
  file.writeUInt32LE(40, 14)
  file.writeInt32LE(width, 18)
  file.writeInt32LE(height, 22)
  file.writeUInt16LE(1, 26)
  file.writeUInt16LE(24, 28)
  for (let at = 54; at < file.length; at += 1) file[at] = (at * at) % 251
  return file
}

/** Sources that kept pixels can serve, and those that they cannot. Both have to give the same result. */
const SOURCES: Readonly<Record<string, () => Promise<Buffer>>> = {
  'a JPEG': () => gradient(1301, 977, 3).jpeg({ quality: 90 }).toBuffer(),
  'a progressive JPEG of 4:4:4': () =>
    gradient(1301, 977, 3).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer(),
  'a grey JPEG': () => gradient(801, 577, 1).toColourspace('b-w').jpeg().toBuffer(),
  'a turned JPEG': () => gradient(801, 577, 3).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
  'a JPEG beyond 8 megapixels': () => gradient(3401, 2477, 3).jpeg().toBuffer(),
  'a PNG': () => gradient(701, 477, 3).png().toBuffer(),
  'a PNG with alpha': () => gradient(701, 477, 4).png().toBuffer(),
  'a grey PNG': () => gradient(701, 477, 1).toColourspace('b-w').png().toBuffer(),
  'a grey PNG with alpha': () => gradient(701, 477, 2).toColourspace('b-w').png().toBuffer(),
  'a PNG of a palette': () => gradient(301, 277, 3).png({ palette: true }).toBuffer(),
  'a PNG of 16 bits': () => gradient(301, 277, 3).toColourspace('rgb16').png().toBuffer(),
  'a PNG with a profile': () => gradient(301, 277, 3).withIccProfile('p3').png().toBuffer(),
  'an AVIF': () => gradient(701, 477, 3).avif({ effort: 0 }).toBuffer(),
  'an AVIF with alpha': () => gradient(301, 277, 4).avif({ effort: 0 }).toBuffer(),
  'a WebP': () => gradient(701, 477, 3).webp().toBuffer(),
  'a lossless WebP with alpha': () => gradient(701, 477, 4).webp({ lossless: true }).toBuffer(),
  'a TIFF': () => gradient(701, 477, 3).tiff().toBuffer(),
  'a bitmap': async () => bitmap(301, 277),
  'a GIF': () => gradient(201, 177, 3).gif().toBuffer(),
}

const within = (width: number, height: number, fit: 'cover' | 'contain' | 'inside' = 'cover') =>
  ({ kind: 'transformation', width, height, fit, gravity: 'centre' }) as const

/** The renditions requested of each source, in order. */
const WANTED: readonly RenderOptions[] = [
  { ...FULL_SIZE_WEBP, geometry: { kind: 'transformation', width: 128, fit: 'cover', gravity: 'centre' } },
  { ...FULL_SIZE_WEBP, geometry: { kind: 'asset', route: 'avatars', size: 64 }, format: 'png' },
  { ...FULL_SIZE_WEBP, geometry: within(300, 300), format: 'jpeg' },
  { ...FULL_SIZE_WEBP, geometry: within(200, 90, 'contain'), format: 'jpeg' },
  { ...FULL_SIZE_WEBP, geometry: within(90, 200, 'inside'), blur: 3 },
  { ...FULL_SIZE_WEBP, geometry: { kind: 'transformation', width: 333, fit: 'cover', gravity: 'attention' } },
  { ...FULL_SIZE_WEBP, format: 'avif' },
  { ...FULL_SIZE_WEBP, format: 'png', quality: 'lossless' },
  { ...FULL_SIZE_WEBP, geometry: within(100, 80), rotate: 90, flip: 'h', sharpen: 2 },
  {
    ...FULL_SIZE_WEBP,
    geometry: within(100, 80),
    crop: { x: 1000, y: 2000, width: 5000, height: 5000, unit: 'ten-thousandth' },
  },
  { ...FULL_SIZE_WEBP, geometry: within(100, 80), trim: true, background: 'ff8800' },
]

describe('a rendition from kept pixels is the same as one from the file', () => {
  it.each(Object.keys(SOURCES))('%s', async (name) => {
    await expectSame((await SOURCES[name]?.()) ?? Buffer.alloc(0), name)
  })

  const photographs = corpusFolders().includes('photos')
    ? ['photos', 'colour', 'orientation', 'heic', 'wild'].flatMap((folder) => corpusFiles(folder))
    : []
  it
    .skipIf(photographs.length === 0)
    .each(photographs.filter((file) => /\.(jpe?g|png|avif|heic|tiff?|bmp|jxl|webp)$/.test(file)))(
    '%s of the corpus',
    async (file) => {
      await expectSame(readCorpus(file), file)
    },
  )
})

async function expectSame(file: Buffer, name: string): Promise<void> {
  const keeper = createPixelCache()
  for (const options of WANTED) {
    const alone = await render(file, name, options, undefined)
    const together = await render(file, name, options, keeper.begin({ id: 1, shared: true }))
    expect(together, JSON.stringify(options)).toEqual(alone)
  }
}

async function render(file: Buffer, name: string, options: RenderOptions, kept: SharedPixels | undefined) {
  const bytes = Buffer.from(file)
  const kind = await sniff(bytes, name)
  if (kind?.kind !== 'image') return undefined
  const rendered = await renderImageJob(
    memorySource(bytes, kind, kept),
    kind.format,
    {
      options,
      renderQuality: 'fine',
      limits: videoTools.limits,
      admission: { allowance: ANY_COST, reportCost: ignoreReport },
    },
    videoTools,
  )
  return isFailure(rendered) || rendered.kind === 'deferred' ? rendered : rendered.bytes
}

describe('the pixels of a shared still', () => {
  /** Renders, and returns whether the image was decoded for it. */
  async function decodes(file: Buffer, kept: SharedPixels, allowance = ANY_COST): Promise<boolean> {
    let decoded = false
    const watched: SharedPixels = {
      isNeeded: kept.isNeeded,
      read: (form, decode) =>
        kept.read(form, () => {
          decoded = true
          return decode()
        }),
    }
    const kind = await sniff(file, '')
    if (kind?.kind !== 'image') throw new Error('no image')
    const [options] = WANTED
    if (options === undefined) throw new Error('nothing is wanted')
    const rendered = await renderImageJob(
      memorySource(Buffer.from(file), kind, watched),
      kind.format,
      {
        options,
        renderQuality: 'fine',
        limits: videoTools.limits,
        admission: { allowance, reportCost: ignoreReport },
      },
      videoTools,
    )
    if (isFailure(rendered)) throw new Error(rendered.code)
    return decoded
  }

  it('are decoded once, until a job has another source or they are forgotten', async () => {
    const keeper = createPixelCache()
    const file = await gradient(1301, 977, 3).jpeg().toBuffer()
    // One is decoded by Sharp, the other by the project's own decoder.
    for (const source of [file, bitmap(301, 277)]) {
      keeper.forget()
      expect(await decodes(source, keeper.begin({ id: 1, shared: true }))).toBe(true)
      expect(await decodes(source, keeper.begin({ id: 1, shared: true }))).toBe(false)
      expect(await decodes(source, keeper.begin({ id: 1, shared: false }))).toBe(false)
      expect(await decodes(source, keeper.begin({ id: 2, shared: true }))).toBe(true)
      expect(await decodes(source, keeper.begin({ id: 2, shared: true }))).toBe(false)
      keeper.forget()
      expect(await decodes(source, keeper.begin({ id: 2, shared: true }))).toBe(true)
    }
  })

  it('are not kept when no other job shares them', async () => {
    const keeper = createPixelCache()
    const file = await gradient(701, 477, 3).png().toBuffer()
    expect(await decodes(file, keeper.begin({ id: 1, shared: false }))).toBe(false)
    expect(keeper.begin({ id: 1, shared: false }).isNeeded).toBe(false)
  })

  it('are kept of a photograph of 6 megapixels within the memory of a quick job', async () => {
    const keeper = createPixelCache()
    const file = await gradient(2828, 2121, 3).jpeg().toBuffer()
    expect(await decodes(file, keeper.begin({ id: 1, shared: true }), QUICK_JOB)).toBe(true)
    expect(await decodes(file, keeper.begin({ id: 1, shared: true }), QUICK_JOB)).toBe(false)
    expect(keeper.begin({ id: 1, shared: false }).isNeeded).toBe(true)
  })

  it('are not kept beyond the admitted memory', async () => {
    const keeper = createPixelCache()
    const file = await gradient(3401, 2477, 3).png().toBuffer()
    const allowance = { memoryBytes: 50 * 2 ** 20, cpuSeconds: 60 }
    expect(await decodes(file, keeper.begin({ id: 1, shared: true }), allowance)).toBe(false)
    expect(keeper.begin({ id: 1, shared: false }).isNeeded).toBe(false)
  })
})
