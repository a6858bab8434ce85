import sharp, { type Sharp } from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { loadLibav } from './load.ts'
import { decodeIntact, renderWebp, type StillFormat } from './webp-still.ts'

const libav = await loadLibav()
afterAll(() => libav?.pool.close())

/** A drawing with soft and hard edges, saturated colours, and transparency of all levels. */
const drawing = (width: number, height = width) =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 64 64"
      preserveAspectRatio="none"><defs><linearGradient id="fade"><stop stop-color="#e21"/>
      <stop offset="1" stop-color="#15d" stop-opacity="0.1"/></linearGradient></defs>
      <rect width="64" height="40" fill="url(#fade)"/><circle cx="32" cy="40" r="20" fill="#fc2"/>
      <circle cx="24" cy="36" r="3" fill="#222"/><circle cx="40" cy="36" r="3" fill="#222"/></svg>`),
  )
const opaque = (width: number, height = width) => drawing(width, height).flatten({ background: '#3a5' })

const SOURCES: readonly (readonly [string, () => Sharp])[] = [
  ['PNG', () => opaque(128).png()],
  ['PNG with alpha', () => drawing(128).png()],
  ['PNG with a palette', () => opaque(128).png({ palette: true })],
  ['PNG with a palette and alpha', () => drawing(128).png({ palette: true })],
  ['interlaced PNG', () => drawing(128).png({ progressive: true })],
  ['grey PNG', () => opaque(128).greyscale().png()],
  ['grey PNG with alpha', () => drawing(128).greyscale().png()],
  ['PNG of odd sides', () => drawing(211, 97).png()],
  ['WebP', () => opaque(256).webp({ quality: 90 })],
  ['WebP of odd sides', () => opaque(255, 131).webp({ quality: 90 })],
  ['WebP with alpha', () => drawing(256).webp({ quality: 90 })],
  ['lossless WebP', () => opaque(128).webp({ lossless: true })],
  ['lossless WebP with alpha', () => drawing(128).webp({ lossless: true })],
  ['JPEG 4:2:0', () => opaque(256).jpeg({ quality: 90, chromaSubsampling: '4:2:0' })],
  ['JPEG 4:4:4', () => opaque(256).jpeg({ quality: 90, chromaSubsampling: '4:4:4' })],
  ['progressive JPEG of odd sides', () => opaque(255, 131).jpeg({ quality: 90, progressive: true })],
  ['grey JPEG', () => opaque(256).greyscale().jpeg({ quality: 90 })],
]

async function render(bytes: Buffer, width?: number, quality = 95): Promise<Buffer | undefined> {
  if (libav === undefined) throw new Error('no libav')
  const { format, ...source } = await sharp(bytes).metadata()
  const size =
    width === undefined
      ? source
      : { width, height: Math.max(1, Math.round((source.height * width) / source.width)) }
  using frame = decodeIntact(libav, bytes, { ...source, format: format as StillFormat })
  return frame && renderWebp(libav, frame, { ...size, quality, effort: 2 })
}

function pixelsOf(bytes: Buffer): Promise<Buffer> {
  return sharp(bytes).toColourspace('srgb').ensureAlpha().raw().toBuffer()
}

/** Returns the mean difference of two images of RGBA, in levels, as seen on black. */
function difference(a: Buffer, b: Buffer): number {
  expect(a).toHaveLength(b.length)
  const seen = (pixels: Buffer, at: number) =>
    at % 4 === 3 ? (pixels[at] ?? 0) : ((pixels[at] ?? 0) * (pixels[at - (at % 4) + 3] ?? 0)) / 255
  return a.reduce((sum, _, at) => sum + Math.abs(seen(a, at) - seen(b, at)), 0) / a.length
}

describe.skipIf(libav === undefined)('a still as WebP (needs FFmpeg’s libraries)', () => {
  it.each(SOURCES)('shows what Sharp renders: %s, scaled', async (_, make) => {
    const bytes = await make().toBuffer()
    const rendered = await render(bytes, 48)
    const { height } = await sharp(rendered).metadata()
    const scaled = sharp(bytes).resize(48, height, { fit: 'fill', fastShrinkOnLoad: false })
    const encoded = await scaled.clone().webp({ quality: 95, effort: 2 }).toBuffer()
    const whole = await scaled.toColourspace('srgb').ensureAlpha().raw().toBuffer()
    const [ours, theirs] = [await pixelsOf(rendered ?? Buffer.alloc(0)), await pixelsOf(encoded)]
    expect(difference(ours, whole)).toBeLessThan(difference(theirs, whole) * 1.1 + 0.5)
    expect(rendered?.length).toBeLessThan(encoded.length * 1.1)
  })

  it.each(SOURCES)('shows what Sharp renders: %s, at its size', async (_, make) => {
    const bytes = await make().toBuffer()
    const theirs = await pixelsOf(await sharp(bytes).webp({ quality: 95, effort: 2 }).toBuffer())
    const whole = await pixelsOf(bytes)
    const ours = await pixelsOf((await render(bytes)) ?? Buffer.alloc(0))
    expect(difference(ours, whole)).toBeLessThan(difference(theirs, whole) * 1.1 + 0.5)
  })

  it('has no alpha unless its source is transparent somewhere', async () => {
    const hasAlpha = async (source: Sharp) => {
      const rendered = await render(await source.toBuffer(), 32)
      return (await sharp(rendered).metadata()).hasAlpha
    }
    expect(await hasAlpha(drawing(128).png())).toBe(true)
    expect(await hasAlpha(opaque(128).ensureAlpha().png())).toBe(false)
    expect(await hasAlpha(opaque(128).png())).toBe(false)
  })

  it('hides the colours of transparent pixels', async () => {
    const pixels = Buffer.alloc(64 * 64 * 4)
    for (let at = 0; at < pixels.length; at += 4)
      pixels.set((at >> 2) % 64 < 31 ? [0, 255, 0, 0] : [200, 0, 0, 255], at)
    const bytes = await sharp(pixels, { raw: { width: 64, height: 64, channels: 4 } })
      .png()
      .toBuffer()
    const rendered = await pixelsOf((await render(bytes, 16)) ?? Buffer.alloc(0))
    for (let at = 0; at < rendered.length; at += 4)
      if ((rendered[at + 3] ?? 0) > 32) expect(rendered[at + 1]).toBeLessThan(24)
  })

  it('is encoded at the wanted quality', async () => {
    const bytes = await drawing(256).png().toBuffer()
    const sizes = await Promise.all(
      [30, 80, 95].map(async (quality) => (await render(bytes, 128, quality))?.length),
    )
    expect(sizes).toEqual([...sizes].sort((a = 0, b = 0) => a - b))
    expect(sizes[2]).toBeGreaterThan((sizes[0] ?? 0) * 1.4)
  })

  it.each([
    [1, 1],
    [1, 100],
    [100, 1],
    [3, 2],
    [500, 20],
  ])('may have any sides: %i x %i', async (width, height) => {
    for (const source of [
      drawing(width, height).png(),
      opaque(width, height).jpeg(),
      opaque(width, height).webp(),
    ]) {
      const rendered = await render(await source.toBuffer(), Math.ceil(width / 2))
      expect(await sharp(rendered).metadata()).toMatchObject({
        width: Math.ceil(width / 2),
        height: Math.max(1, Math.round((height * Math.ceil(width / 2)) / width)),
      })
    }
  })

  it.each([
    ['PNG', () => drawing(128).png()],
    ['WebP', () => opaque(128).webp()],
    ['JPEG', () => opaque(128).jpeg()],
  ])('is not decoded when its source is damaged: %s', async (_, make) => {
    if (libav === undefined) return
    const bytes = await make().toBuffer()
    const { format, width, height } = await sharp(bytes).metadata()
    const header = { format: format as StillFormat, width, height }
    using whole = decodeIntact(libav, bytes, header)
    expect(whole).toBeDefined()
    for (const share of [0.1, 0.5, 0.9]) {
      const start = bytes.subarray(0, Math.floor(bytes.length * share))
      expect(decodeIntact(libav, start, header), `${share} of it`).toBeUndefined()
    }
  })

  it('is not decoded when it has other sides than its header declares', async () => {
    if (libav === undefined) return
    const bytes = await opaque(128).jpeg().toBuffer()
    for (const size of [
      { width: 127, height: 128 },
      { width: 64, height: 64 },
      { width: 256, height: 256 },
    ])
      expect(decodeIntact(libav, bytes, { format: 'jpeg', ...size })).toBeUndefined()
  })

  it('is not rendered from samples that are not its colours', async () => {
    const deep = await opaque(64).toColourspace('rgb16').png().toBuffer()
    const cmyk = await opaque(64).toColourspace('cmyk').jpeg().toBuffer()
    expect(await render(deep, 32)).toBeUndefined()
    expect(await render(cmyk, 32)).toBeUndefined()
  })
})
