/** What is made of a film or of an animation: how large, which part, how many pictures a second. */

import type { MediaTime } from '@media-proxy/shared/request/media-request.ts'
import type { Size } from '../../../media/size.ts'
import type { Geometry } from '../../render-options.ts'
import type { Plan } from '../image/plan.ts'
import { momentOf } from '../video/video.ts'
import type { Span } from './film.ts'

/** Pictures of a clip whose size nobody asked for: 1080p. */
const DEFAULT_PIXELS = 1920 * 1080
/** More pictures a second show on no screen of a chat. */
const MAX_PICTURE_RATE = 60
const LEAST_SECONDS = 0.1

/** Even sides, since chroma is halved; without a size that was asked for, no more pixels than a usual screen has. */
export function clipSize(size: Size, geometry: Geometry): Size {
  const { width, height } = isSizeAsked(geometry) ? size : withPixels(size, DEFAULT_PIXELS)
  return { width: even(width), height: even(height) }
}

/** Pictures of a preview whose size nobody asked for. */
const DEFAULT_PREVIEW_PIXELS = 480 * 270

/** The plan of a preview. */
export function previewSize(plan: Plan, geometry: Geometry): Plan {
  if (isSizeAsked(geometry)) return plan
  const { width, height } = withPixels(plan, DEFAULT_PREVIEW_PIXELS)
  return { ...plan, width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) }
}

function isSizeAsked(geometry: Geometry): boolean {
  return geometry.kind === 'asset' || geometry.width !== undefined || geometry.height !== undefined
}

/** The same shape with so many pixels at most; its sides are no whole numbers. */
function withPixels({ width, height }: Size, mostPixels: number): Size {
  const scale = Math.min(1, Math.sqrt(mostPixels / (width * height)))
  return { width: width * scale, height: height * scale }
}

function even(pixels: number): number {
  return Math.max(2, 2 * Math.floor(Math.round(pixels) / 2))
}

export interface SpanWishes {
  /** Where it begins; past the end it is the end. */
  readonly startSeconds: number
  /** Longest duration, in seconds. */
  readonly seconds: number
  /** Of the source, where it tells. */
  readonly durationSeconds: number | undefined
}

/** Where a clip begins, in seconds; a preview of the best picture begins at the start. */
export function startSecondsOf(time: MediaTime | undefined, durationSeconds: number | undefined): number {
  return time === 'best' ? 0 : (momentOf(time, durationSeconds) ?? 0)
}

/** The part of a film that is wanted, which always has something in it. */
export function spanOf({ startSeconds, seconds, durationSeconds }: SpanWishes): Span {
  const end = durationSeconds ?? Number.POSITIVE_INFINITY
  const start = Math.max(0, Math.min(startSeconds, end - LEAST_SECONDS))
  return { startSeconds: start, endSeconds: Math.min(start + seconds, Math.max(end, start + LEAST_SECONDS)) }
}

/** The picture rate to which a film is brought; undefined where its own pictures are kept. */
export function reducedRate(asked: number | undefined, sourceRate: number): number | undefined {
  const wanted = Math.min(asked ?? MAX_PICTURE_RATE, MAX_PICTURE_RATE)
  // A rate of 60.02 is one of 60.
  return wanted < sourceRate * RATE_TOLERANCE ? wanted : undefined
}

const RATE_TOLERANCE = 0.995

/** Pictures that the span has at most, with some to spare. */
export function mostPictures({ startSeconds, endSeconds }: Span): number {
  return Math.ceil((endSeconds - startSeconds) * MAX_PICTURE_RATE) + MAX_PICTURE_RATE
}
