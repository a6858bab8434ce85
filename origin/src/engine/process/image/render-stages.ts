/** The stages that stills and animations share: open, scale, blur, encode. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { FitEnum, Sharp } from 'sharp'
import { decodingFailure } from './decode.ts'
import { type AnimationTiming, encode } from './encode.ts'
import { isGrainy } from './grain.ts'
import { type ImageInfo, UNLIMITED_PIXELS } from './inspect.ts'
import { keepsSize, type Plan } from './plan.ts'
import type { RawPicture } from './raw-picture.ts'
import { readingOptions } from './read-jpeg.ts'
import { sharp } from './sharp.ts'

/** What a request wants, once the source is known: its geometry has become a plan, its format one that is written. */
export interface Render {
  readonly plan: Plan
  readonly format: ImageFormat
  readonly quality: Quality
  /** Keep all frames where the output format can hold them. */
  readonly animated: boolean
  /** Read a JPEG as coarsely as its codec can. */
  readonly fast?: boolean
  /** Gaussian sigma in pixels of the rendition. */
  readonly blur?: number
}

/** What rendering has to know of a source once it is opened. */
export type SourceImageInfo = Pick<
  ImageInfo,
  'width' | 'height' | 'drawing' | 'hasAlpha' | 'palette' | 'lossless'
>

/** Opens decoded pixels. */
export function openRaw({ data, width, height, channels }: RawPicture): Sharp {
  return sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
}

const WHITE = { r: 255, g: 255, b: 255, alpha: 1 }
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 }
const FIT_OF_MODE: Readonly<Record<Plan['mode'], keyof FitEnum>> = {
  exact: 'fill',
  cover: 'cover',
  contain: 'contain',
}

/** Adds the geometry of the plan. */
export function scale(
  pipeline: Sharp,
  info: Pick<SourceImageInfo, 'width' | 'height' | 'drawing'>,
  render: Render,
): Sharp {
  const { plan, format } = render
  // A drawing is drawn at another size than it has: its resolution is not that of its pixels.
  if (plan.mode === 'exact' && keepsSize(plan, info) && info.drawing === undefined) return pipeline
  return pipeline.resize(plan.width, plan.height, {
    fit: FIT_OF_MODE[plan.mode],
    position: plan.gravity,
    background: format === 'jpeg' ? WHITE : TRANSPARENT,
    ...readingOptions(info, render),
  })
}

/** Blurs a still. */
export function blur(pipeline: Sharp, render: Render): Sharp {
  return render.blur === undefined ? pipeline : pipeline.blur(render.blur)
}

/** Encodes and runs a pipeline; whatever Sharp throws is about the source. */
export async function run(
  pipeline: Sharp,
  info: SourceImageInfo,
  render: Render,
  timing?: AnimationTiming,
): Promise<Uint8Array | Failure> {
  const { format, quality } = render
  const opaque = format === 'jpeg' && info.hasAlpha ? pipeline.flatten({ background: WHITE }) : pipeline
  const sourcePalette = info.palette && render.blur === undefined
  try {
    const looked =
      timing === undefined && grainCounts(render, info, sourcePalette)
        ? await lookAtGrain(opaque)
        : { ready: opaque, grainy: !sourcePalette }
    const encoder = encode(looked.ready, {
      ...{ format, quality, sourceLossless: info.lossless, sourcePalette },
      ...{ hasAlpha: info.hasAlpha, grainy: looked.grainy },
      pixels: render.plan.width * render.plan.height,
      ...(timing === undefined ? {} : { timing }),
    })
    return await encoder.toBuffer()
  } catch (error) {
    return decodingFailure(error)
  }
}

/** What was lossy is a photograph mostly; in a PNG even its smooth parts do without filters. */
function grainCounts({ format }: Render, { lossless }: SourceImageInfo, palette: boolean): boolean {
  return (format === 'png' && !palette) || (format === 'avif' && lossless)
}

/** The finished pixels tell whether they have grain. */
async function lookAtGrain(pipeline: Sharp): Promise<{ readonly ready: Sharp; readonly grainy: boolean }> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const ready = sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
  return { ready, grainy: isGrainy({ data, width, height, channels }) }
}
