/** From an opened source to the bytes of its rendition: header, limits, plan, render. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageFormat as SourceFormat, VideoFormat } from '../../media/kinds.ts'
import type { Order } from '../../rendition/order.ts'
import type { Rendition } from '../../rendition/rendition.ts'
import type { Source } from '../../source/source.ts'
import { isBare } from './image/bare.ts'
import { type ImageFacts, judgeFacts } from './image/inspect.ts'
import { keepsSize, type Plan } from './image/plan.ts'
import {
  keepsAnimation,
  type RenderOrder,
  renderImage,
  renderPlayed,
  renderRaw,
} from './image/render-image.ts'
import { inStage, type RenderStage } from './image/render-stages.ts'
import { readSequence } from './image/sequence.ts'
import { playSequence } from './video/play-sequence.ts'
import { momentOf, openVideo, type VideoTools } from './video/video.ts'

export type MakeTools = VideoTools

export interface MakeOptions {
  readonly timeLeftMs: number
  readonly signal: AbortSignal
  /** Told what the parts of the render are, and when. */
  readonly stage?: RenderStage
}

type Made = Pick<Rendition, 'bytes' | 'format'>

/** Makes a rendition of a source; fails as the kind of source does, or because it is none that can be seen. */
export async function makeRendition(
  source: Source,
  order: Order,
  tools: MakeTools,
  options: MakeOptions,
): Promise<Made | Failure> {
  const { kind } = source
  if (order.imagesOnly && kind?.kind !== 'image') return fail('undecodable', `content is ${kind?.format}`)
  switch (kind?.kind) {
    case undefined:
      return fail('unsupported-format')
    case 'audio':
      return fail('not-visual')
    case 'video':
      return makeStill(source, kind.format, order, tools, options)
    case 'image':
      return makeImage(source, kind.format, order, tools, options)
  }
}

async function makeImage(
  { bytes, facts: readFacts }: Source,
  sourceFormat: SourceFormat,
  order: Order,
  tools: MakeTools,
  options: MakeOptions,
): Promise<Made | Failure> {
  const facts = await readFacts()
  if (isFailure(facts)) return facts
  const refused = judgeFacts(facts, { limits: tools.limits, animated: order.animated })
  if (refused !== undefined) return refused
  const format = animatedFormat(order.format(sourceFormat), facts, order)
  const plan = order.plan(facts)
  if (isUntouched(bytes, facts, order, format, plan)) return { bytes, format }
  const wanted = renderOrder(order, format, plan, options)
  const rendered =
    (await renderSequence(bytes, facts, wanted, tools, options)) ?? (await renderImage(bytes, facts, wanted))
  return isFailure(rendered) ? rendered : { bytes: rendered, format }
}

/** Undefined for what is no animated AVIF, or is to be a still, or does not play: then its still is rendered. */
async function renderSequence(
  bytes: Uint8Array,
  facts: ImageFacts,
  order: RenderOrder,
  tools: MakeTools,
  { signal }: MakeOptions,
): Promise<Uint8Array | Failure | undefined> {
  const sequence = facts.format === 'avif' && keepsAnimation(facts, order) ? readSequence(bytes) : undefined
  if (sequence === undefined) return undefined
  const played = await inStage(order, 'decode', () => playSequence(tools, sequence, facts, signal))
  const rendered = isFailure(played) ? played : await renderPlayed(played, facts, order)
  return isFailure(rendered) && UNPLAYABLE.has(rendered.code) ? undefined : rendered
}

const UNPLAYABLE: ReadonlySet<string> = new Set([
  'undecodable',
  'unsupported-codec',
  'not-visual',
  'not-ready',
])

/** AVIF is encoded as a still only: what moves and was asked for as AVIF is WebP. */
function animatedFormat(format: ImageFormat, { frames }: ImageFacts, { animated }: Order): ImageFormat {
  return format === 'avif' && animated && frames > 1 ? 'webp' : format
}

/** A still of a video goes through the same plan and the same encoders as a picture. */
async function makeStill(
  { parts }: Source,
  sourceFormat: VideoFormat,
  order: Order,
  tools: MakeTools,
  options: MakeOptions,
): Promise<Made | Failure> {
  const video = await openVideo(tools, parts, sourceFormat, options.signal)
  if (isFailure(video)) return video
  try {
    const { facts } = video
    const format = order.format('video')
    const plan = order.plan(facts.video)
    const moment = momentOf(order.time, facts.durationSeconds)
    const frame = await inStage(options, 'decode', () => video.readFrame(moment, plan))
    if (isFailure(frame)) return frame
    const rendered = await renderRaw(frame, renderOrder(order, format, plan, options))
    return isFailure(rendered) ? rendered : { bytes: rendered, format }
  } finally {
    video.close()
  }
}

function renderOrder(
  { quality, animated, blur }: Order,
  format: ImageFormat,
  plan: Plan,
  { timeLeftMs, stage }: MakeOptions,
): RenderOrder {
  return {
    ...{ plan, format, quality, animated, timeLeftMs },
    ...(blur === undefined ? {} : { blur }),
    ...(stage === undefined ? {} : { stage }),
  }
}

/** Original bytes are the best rendition there is, where nothing has to change and nothing has to be hidden. */
function isUntouched(
  bytes: Uint8Array,
  facts: ImageFacts,
  order: Order,
  format: ImageFormat,
  plan: Plan,
): boolean {
  return (
    facts.format === format &&
    keepsSize(plan, facts) &&
    !order.qualityAsked &&
    order.blur === undefined &&
    facts.orientation === 1 &&
    facts.plainColours &&
    (facts.frames === 1 || order.animated) &&
    isBare(bytes, facts.format)
  )
}
