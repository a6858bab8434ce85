/** The stages that stills and animations share: open, scale, blur, encode. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { FitEnum, Sharp, SharpOptions } from 'sharp'
import { decodingFailure } from './decode.ts'
import { type AnimationTiming, encode } from './encode.ts'
import { type ImageFacts, UNLIMITED_PIXELS } from './inspect.ts'
import { keepsSize, type Plan } from './plan.ts'
import type { RawPicture } from './raw-picture.ts'
import { sharp } from './sharp.ts'
import { underStillBrand } from './still-brand.ts'

/**
 * Runs a part of a render under its name, so that it can be timed. Where Sharp itself reads the file, decoding is
 * a part of `encode`: libvips does both in one pass, strip by strip.
 */
export type RenderStage = <T>(name: 'decode' | 'encode', work: () => Promise<T>) => Promise<T>

const UNTIMED: RenderStage = (_, work) => work()

/** Runs a part of a render that an order asks for. */
export function inStage<T>(
  { stage = UNTIMED }: Pick<RenderOrder, 'stage'>,
  name: 'decode' | 'encode',
  work: () => Promise<T>,
): Promise<T> {
  return stage(name, work)
}

/** What is to be made of an image. */
export interface RenderOrder {
  readonly plan: Plan
  readonly format: ImageFormat
  readonly quality: Quality
  /** Keep all frames where the output format can hold them. */
  readonly animated: boolean
  /** Gaussian sigma in pixels of the rendition. */
  readonly blur?: number
  /** Time left, in milliseconds; Sharp stops a pipeline by itself, to the second. */
  readonly timeLeftMs: number
  readonly stage?: RenderStage
}

/** What rendering has to know of a source once it is opened. */
export type SourceFacts = Pick<ImageFacts, 'width' | 'height' | 'hasAlpha' | 'palette' | 'lossless'>

/** Opens a file that Sharp reads, upright. */
export function open(bytes: Uint8Array, facts: ImageFacts, order: RenderOrder, options: SharpOptions): Sharp {
  // Warnings (a bad profile, stray bytes) are no reason to refuse what every browser shows; errors are.
  const pipeline = limitTime(
    sharp(underStillBrand(bytes), { ...UNLIMITED_PIXELS, failOn: 'error', ...options }),
    order,
  )
  return facts.orientation === 1 ? pipeline : pipeline.autoOrient()
}

/** Opens decoded pixels. */
export function openRaw({ data, width, height, channels }: RawPicture, order: RenderOrder): Sharp {
  return limitTime(sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } }), order)
}

function limitTime(pipeline: Sharp, { timeLeftMs }: RenderOrder): Sharp {
  return pipeline.timeout({ seconds: Math.max(1, Math.ceil(timeLeftMs / 1000)) })
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
  facts: Pick<SourceFacts, 'width' | 'height'>,
  { plan, format }: RenderOrder,
): Sharp {
  if (plan.mode === 'exact' && keepsSize(plan, facts)) return pipeline
  return pipeline.resize(plan.width, plan.height, {
    fit: FIT_OF_MODE[plan.mode],
    position: plan.gravity,
    background: format === 'jpeg' ? WHITE : TRANSPARENT,
  })
}

/** Blurs a still. */
export function blur(pipeline: Sharp, order: RenderOrder): Sharp {
  return order.blur === undefined ? pipeline : pipeline.blur(order.blur)
}

/** Encodes and runs a pipeline; whatever Sharp throws is about the source. */
export async function run(
  pipeline: Sharp,
  facts: SourceFacts,
  order: RenderOrder,
  timing?: AnimationTiming,
): Promise<Uint8Array | Failure> {
  const { format, quality } = order
  const opaque = format === 'jpeg' && facts.hasAlpha ? pipeline.flatten({ background: WHITE }) : pipeline
  const encoder = encode(opaque, {
    format,
    quality,
    sourceLossless: facts.lossless,
    sourcePalette: facts.palette && order.blur === undefined,
    ...(timing === undefined ? {} : { timing }),
  })
  return inStage(order, 'encode', async () => {
    try {
      return await encoder.toBuffer()
    } catch (error) {
      return decodingFailure(error)
    }
  })
}
