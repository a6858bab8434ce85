import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FitEnum, Sharp, SharpOptions } from 'sharp'
import { type AnimationTiming, encode } from './encode.ts'
import { type ImageFacts, UNLIMITED_PIXELS } from './inspect.ts'
import { keepsSize, type Plan } from './plan.ts'
import type { RawPicture } from './raw-picture.ts'
import { sharp } from './sharp.ts'

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
}

/**
 * Renders an image: decode, turn upright, scale, blur, convert to sRGB, encode without metadata. An animation
 * with a broken frame is rendered once more as a still. Fails with `undecodable` or `deadline`.
 */
export async function renderImage(
  bytes: Uint8Array,
  facts: ImageFacts,
  order: RenderOrder,
): Promise<Uint8Array | Failure> {
  if (!keepsAnimation(facts, order)) return run(stillPipeline(bytes, facts, order), facts, order)
  const animated = await renderAnimation(bytes, facts, order)
  const broken = isFailure(animated) && animated.failure === 'undecodable'
  return broken ? run(stillPipeline(bytes, facts, order), facts, order) : animated
}

/**
 * Renders pixels that another decoder took from a lossy source (a video, HEIC) by the same plan: scale, blur,
 * encode. Fails with `undecodable` or `deadline`.
 */
export function renderRaw(picture: RawPicture, order: RenderOrder): Promise<Uint8Array | Failure> {
  const { data, width, height, channels } = picture
  const facts = { width, height, hasAlpha: channels === 4, palette: false, lossless: false }
  const opened = sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
  return run(blur(scale(limitTime(opened, order), facts, order), order), facts, order)
}

/** What rendering has to know of a source once it is opened. */
type SourceFacts = Pick<ImageFacts, 'width' | 'height' | 'hasAlpha' | 'palette' | 'lossless'>

/** Tells whether a file of this format can be an animation; a PNG is one as APNG. */
export function holdsAnimation(format: ImageFormat): boolean {
  return format === 'png' || ENCODED_ANIMATIONS.has(format)
}

const ENCODED_ANIMATIONS: ReadonlySet<ImageFormat> = new Set(['gif', 'webp'])

/** Tells whether the rendition will have more than one frame. */
function keepsAnimation(facts: ImageFacts, order: Pick<RenderOrder, 'animated' | 'format'>): boolean {
  return order.animated && facts.frames > 1 && facts.format !== 'png' && ENCODED_ANIMATIONS.has(order.format)
}

function stillPipeline(bytes: Uint8Array, facts: ImageFacts, order: RenderOrder): Sharp {
  return blur(scale(open(bytes, facts, order, { pages: 1 }), facts, order), order)
}

function blur(pipeline: Sharp, order: RenderOrder): Sharp {
  return order.blur === undefined ? pipeline : pipeline.blur(order.blur)
}

async function renderAnimation(
  bytes: Uint8Array,
  facts: ImageFacts,
  order: RenderOrder,
): Promise<Uint8Array | Failure> {
  const opened = open(bytes, facts, order, { pages: -1 })
  const interest = order.plan.gravity === 'attention' || order.plan.gravity === 'entropy'
  const scaled =
    order.plan.mode === 'cover' && interest
      ? await cropAsFirstFrame(bytes, opened, facts, order)
      : scale(opened, facts, order)
  if (isFailure(scaled)) return scaled
  if (order.blur === undefined) return run(scaled, facts, order)
  const blurred = await blurFrames(scaled, bytes, order.blur)
  return isFailure(blurred) ? blurred : run(blurred.pipeline, facts, order, blurred.timing)
}

function open(bytes: Uint8Array, facts: ImageFacts, order: RenderOrder, options: SharpOptions): Sharp {
  // Warnings (a bad profile, stray bytes) are no reason to refuse what every browser shows; errors are.
  const pipeline = limitTime(sharp(bytes, { ...UNLIMITED_PIXELS, failOn: 'error', ...options }), order)
  return facts.orientation === 1 ? pipeline : pipeline.autoOrient()
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

function scale(pipeline: Sharp, facts: SourceFacts, { plan, format }: RenderOrder): Sharp {
  if (plan.mode === 'exact' && keepsSize(plan, facts)) return pipeline
  return pipeline.resize(plan.width, plan.height, {
    fit: FIT_OF_MODE[plan.mode],
    position: plan.gravity,
    background: format === 'jpeg' ? WHITE : TRANSPARENT,
  })
}

/** Encodes and runs a pipeline; whatever Sharp throws is about the source. */
async function run(
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
  try {
    return await encoder.toBuffer()
  } catch (error) {
    return failureOf(error)
  }
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  return fail(message.startsWith('timeout:') ? 'deadline' : 'undecodable', message.slice(0, 200))
}

/** The point of interest of the first frame serves for all, or the picture would jump from frame to frame. */
async function cropAsFirstFrame(
  bytes: Uint8Array,
  opened: Sharp,
  facts: ImageFacts,
  order: RenderOrder,
): Promise<Sharp | Failure> {
  const { plan } = order
  const first = scale(open(bytes, facts, order, { pages: 1 }), facts, order)
  try {
    const { info } = await first.raw().toBuffer({ resolveWithObject: true })
    const scaleFactor = Math.max(plan.width / facts.width, plan.height / facts.height)
    const width = Math.max(plan.width, Math.round(facts.width * scaleFactor))
    const height = Math.max(plan.height, Math.round(facts.height * scaleFactor))
    return opened.resize(width, height, { fit: 'fill' }).extract({
      left: Math.min(width - plan.width, Math.abs(info.cropOffsetLeft ?? 0)),
      top: Math.min(height - plan.height, Math.abs(info.cropOffsetTop ?? 0)),
      width: plan.width,
      height: plan.height,
    })
  } catch (error) {
    return failureOf(error)
  }
}

interface BlurredFrames {
  readonly pipeline: Sharp
  readonly timing: AnimationTiming
}

/** Frames lie below each other in one tall picture: blurred together, each would bleed into the next. */
async function blurFrames(
  pipeline: Sharp,
  bytes: Uint8Array,
  sigma: number,
): Promise<BlurredFrames | Failure> {
  try {
    const { loop = 0, delay } = await sharp(bytes, UNLIMITED_PIXELS).metadata()
    const { data, info } = await pipeline.ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    const pageHeight = info.pageHeight ?? height
    const pageBytes = width * pageHeight * channels
    for (let at = 0; at < data.length; at += pageBytes) {
      const frame = data.subarray(at, at + pageBytes)
      const blurred = await sharp(frame, { raw: { width, height: pageHeight, channels } })
        .blur(sigma)
        .raw()
        .toBuffer()
      blurred.copy(data, at)
    }
    return {
      pipeline: sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels, pageHeight } }),
      timing: { loop, ...(delay === undefined ? {} : { delay }) },
    }
  } catch (error) {
    return failureOf(error)
  }
}
