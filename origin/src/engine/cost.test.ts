import { describe, expect, it } from 'vitest'
import { type CostRender, type CostSource, predictRender } from './cost.ts'
import { QUICK_JOB } from './lanes.ts'
import { predictStill } from './video-cost.ts'

const MIB = 2 ** 20

const photograph = (width: number, height: number): CostSource => ({
  format: 'jpeg',
  width,
  height,
  frames: 1,
  bands: 3,
  bytesPerSample: 1,
  hasAlpha: false,
  palette: false,
  lossless: false,
  interlaced: false,
  rotated: true,
  cut: undefined,
  held: undefined,
  played: false,
  filtered: false,
  sourceBytes: width * height * 0.4,
})
const to = (format: CostRender['format'], width: number, height: number): CostRender => ({
  format,
  width,
  height,
  frames: 1,
  quality: 80,
  blur: 0,
  sharpened: false,
  buffered: false,
  flattened: false,
  encodes: 1,
})
const FORMATS = ['jpeg', 'png', 'webp', 'avif', 'gif'] as const
const SOURCES = ['jpeg', 'png', 'webp', 'gif', 'avif', 'heic', 'tiff', 'ico', 'svg'] as const
/** The budgets of the default configuration. */
const MOST = { memoryBytes: 768 * MIB, cpuSeconds: 40 }

describe('the predicted cost', () => {
  it.each(SOURCES)('of %s grows with its pixels and with the pixels of its rendition', (format) => {
    const cost = (source: number, rendition: number) =>
      predictRender(
        { ...photograph(source, source), format, sourceBytes: 1000 },
        to('webp', rendition, rendition),
      )
    expect(cost(2000, 500).memoryBytes).toBeLessThan(cost(4000, 2000).memoryBytes)
    expect(cost(4000, 500).cpuSeconds).toBeLessThan(cost(4000, 1000).cpuSeconds)
    // Decoding may need more memory than any encoder that follows.
    expect(cost(4000, 500).memoryBytes).toBeLessThanOrEqual(cost(4000, 1000).memoryBytes)
    expect(cost(2000, 500).memoryBytes).toBeLessThanOrEqual(cost(4000, 500).memoryBytes)
  })

  it('grows with frames, source bytes, passes, rotation and blur', () => {
    const source = { ...photograph(2000, 1000), rotated: false }
    const render = to('webp', 1000, 500)
    const plain = predictRender(source, render)
    const costlier = [
      predictRender({ ...source, frames: 10 }, { ...render, frames: 10 }),
      predictRender({ ...source, sourceBytes: 2 * source.sourceBytes }, render),
      predictRender({ ...source, interlaced: true }, render),
      predictRender({ ...source, rotated: true }, render),
      predictRender(source, { ...render, quality: 'lossless' }),
      predictRender({ ...source, cut: 'late' }, render),
      predictRender(source, { ...render, sharpened: true }),
      predictRender(source, { ...render, buffered: true }),
      predictRender(source, { ...render, encodes: 4 }),
    ]
    for (const cost of costlier) expect(cost.memoryBytes).toBeGreaterThan(plain.memoryBytes)
    const blurred = (blur: number) => predictRender(source, { ...render, blur }).cpuSeconds
    expect(blurred(100)).toBeGreaterThan(blurred(1))
    const small = { ...render, width: 100, height: 50 }
    expect(predictRender({ ...source, cut: 'early' }, small).memoryBytes).toBeGreaterThan(
      predictRender(source, small).memoryBytes,
    )
    const encoded = (encodes: number) => predictRender(source, { ...render, encodes }).cpuSeconds
    expect(encoded(4)).toBeGreaterThan(2 * encoded(1))
    expect(predictRender(source, { ...render, sharpened: true }).cpuSeconds).toBeGreaterThan(plain.cpuSeconds)
  })

  it('includes several times as much memory for AVIF as for JPEG', () => {
    const memory = (format: CostRender['format']) =>
      predictRender(photograph(4000, 3000), to(format, 4000, 3000)).memoryBytes
    expect(memory('avif')).toBeGreaterThan(3 * memory('jpeg'))
    expect(memory('webp')).toBeGreaterThan(memory('jpeg'))
  })

  it('of a GIF includes a new palette when the colours of the source are not sufficient', () => {
    const gif = { ...photograph(1000, 500), format: 'gif', palette: true, rotated: false } as const
    const render = to('gif', 1000, 500)
    for (const changed of [{ flattened: true }, { buffered: true }])
      expect(predictRender(gif, { ...render, ...changed }).cpuSeconds).toBeGreaterThan(
        2 * predictRender(gif, render).cpuSeconds,
      )
  })

  it('of a small file that declares a huge PNG is beyond every budget', () => {
    const huge = { ...photograph(16_384, 10_000), format: 'png', rotated: false, sourceBytes: 1000 } as const
    for (const format of FORMATS)
      expect(predictRender(huge, to(format, 16_384, 10_000)).memoryBytes).toBeGreaterThan(MOST.memoryBytes)
  })

  it('of a long GIF is within the budget, whether its frames share a palette or not', () => {
    const [width, height, frames] = [600, 600, 200]
    const gif = {
      ...photograph(width, height),
      format: 'gif',
      palette: true,
      rotated: false,
      frames,
    } as const
    const smaller = { ...to('gif', 256, 256), frames }
    const seconds = (source: CostSource, render: CostRender) => predictRender(source, render).cpuSeconds
    const shared = { ...gif, sharedPalette: true }
    expect(seconds(shared, smaller)).toBeLessThan(MOST.cpuSeconds)
    for (const changed of [{}, { blur: 2 }, { sharpened: true }, { flattened: true }, { buffered: true }])
      expect(seconds(gif, { ...smaller, ...changed })).toBeLessThan(MOST.cpuSeconds)
  })

  it('of a short GIF is lower when its frames share a palette, unless its colours change', () => {
    const gif = { ...photograph(600, 600), format: 'gif', palette: true, rotated: false, frames: 20 } as const
    const smaller = { ...to('gif', 256, 256), frames: 20 }
    const seconds = (source: CostSource, render: CostRender) => predictRender(source, render).cpuSeconds
    const shared = { ...gif, sharedPalette: true }
    const own = seconds(gif, smaller)
    expect(seconds(shared, smaller)).toBeLessThan(own / 2)
    for (const changed of [{ blur: 2 }, { sharpened: true }, { flattened: true }, { buffered: true }])
      expect(seconds(shared, { ...smaller, ...changed })).toBeGreaterThanOrEqual(own)
  })

  it('of an ordinary photograph counts as a quick job', () => {
    const cost = predictRender(photograph(4032, 3024), to('webp', 550, 413))
    expect(cost.memoryBytes).toBeLessThan(QUICK_JOB.memoryBytes)
    expect(cost.cpuSeconds).toBeLessThan(QUICK_JOB.cpuSeconds)
  })

  it.each(FORMATS)('of a smartphone photo is within the budget, for output as %s', (format) => {
    for (const cost of [
      predictRender(photograph(6000, 4000), to(format, 4096, 2731)),
      predictRender(photograph(8000, 6000), to(format, 2048, 1536)),
    ]) {
      expect(cost.memoryBytes).toBeLessThan(MOST.memoryBytes)
      expect(cost.cpuSeconds).toBeLessThan(MOST.cpuSeconds)
    }
  })

  it('of a HEIC photo of 48 megapixels is within the budget when libav decodes it', () => {
    const heic = { ...photograph(8064, 6048), format: 'heic', sourceBytes: 5 * MIB } as const
    const cost = (source: CostSource) => predictRender(source, to('webp', 550, 413))
    expect(cost({ ...heic, usesLibav: true }).memoryBytes).toBeLessThan(MOST.memoryBytes)
    expect(cost(heic).memoryBytes).toBeGreaterThan(MOST.memoryBytes)
    // The measured memory of 16-bit samples is that of libheif.
    const deep = { ...heic, bytesPerSample: 2 }
    expect(cost({ ...deep, usesLibav: true })).toEqual(cost(deep))
  })

  it('of a progressive JPEG depends on its chroma subsampling', () => {
    const jpeg = { ...photograph(16_320, 12_240), interlaced: true, rotated: false, sourceBytes: 20 * MIB }
    const bytes = (samplesPerPixel?: number) =>
      predictRender({ ...jpeg, samplesPerPixel }, to('webp', 550, 413)).memoryBytes
    expect(bytes(1.5)).toBeLessThan(MOST.memoryBytes)
    expect(bytes()).toBe(bytes(3))
    expect(bytes()).toBeGreaterThan(MOST.memoryBytes)
  })

  it('of a still from a video grows with the size of the source and of the rendition', () => {
    const cost = (height: number, rendition: number) =>
      predictStill({ width: height * 2, height }, to('jpeg', rendition, rendition)).memoryBytes
    expect(cost(1080, 64)).toBeGreaterThan(cost(540, 64))
    expect(cost(540, 640)).toBeGreaterThan(cost(540, 64))
  })
})
