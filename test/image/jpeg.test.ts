import { readInfo } from '@media-proxy/origin/engine/process/image/inspect.ts'
import type { Render } from '@media-proxy/origin/engine/process/image/render.ts'
import { renderImage } from '@media-proxy/origin/engine/process/image/render-image.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { seededRandom } from '../seeded-random.ts'

const [WIDTH, HEIGHT] = [600, 400]
const RENDERED = { width: 120, height: 80 }

/** Builds an image of gravel, with its chroma at half size. */
async function gravel(orientation = 1): Promise<Buffer> {
  const random = seededRandom(3)
  const data = Buffer.from(Array.from({ length: WIDTH * HEIGHT * 3 }, () => 40 + 200 * random()))
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .withMetadata({ orientation })
    .jpeg({ quality: 92, chromaSubsampling: '4:2:0' })
    .toBuffer()
}

/** Renders a JPEG at a fifth of its size. */
async function render(bytes: Buffer, options: Pick<Render, 'format' | 'quality' | 'fast'>) {
  const info = await readInfo(bytes, 'jpeg')
  if (isFailure(info)) throw new Error(info.detail)
  const [width, height] =
    info.orientation > 4 ? [RENDERED.height, RENDERED.width] : [RENDERED.width, RENDERED.height]
  const plan = { width, height, mode: 'exact', gravity: 'centre' } as const
  const rendered = await renderImage({ bytes, info }, { plan, animated: false, ...options }, () =>
    Promise.reject(new Error('Sharp decodes JPEG')),
  )
  if (isFailure(rendered)) throw new Error(rendered.detail)
  return { rendered, width, height }
}

/** Returns the mean difference between a rendition and the scaled-down full image. */
async function distance(bytes: Buffer, fast: boolean): Promise<number> {
  const { rendered, width, height } = await render(bytes, { format: 'png', quality: 'lossless', fast })
  const whole = await sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true })
  const { width: fullWidth, height: fullHeight } = whole.info
  const wanted = await sharp(whole.data, { raw: { width: fullWidth, height: fullHeight, channels: 3 } })
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer()
  const got = await sharp(rendered).removeAlpha().raw().toBuffer()
  expect(got).toHaveLength(wanted.length)
  return wanted.reduce((sum, value, at) => sum + Math.abs(value - (got[at] ?? 0)), 0) / wanted.length
}

it.each([1, 3, 6])(
  'a JPEG of orientation %i is decoded at full size, or reduced in fast mode',
  async (orientation) => {
    const bytes = await gravel(orientation)
    expect(await distance(bytes, false)).toBeLessThan(0.5)
    expect(await distance(bytes, true)).toBeGreaterThan(2)
  },
)

it('a JPEG is written with progressive passes, but not in fast mode', async () => {
  const bytes = await gravel()
  const isProgressive = async (fast: boolean) => {
    const { rendered } = await render(bytes, { format: 'jpeg', quality: 80, fast })
    return (await sharp(rendered).metadata()).isProgressive
  }
  expect([await isProgressive(false), await isProgressive(true)]).toEqual([true, false])
})
