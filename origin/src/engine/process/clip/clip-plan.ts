/** Plans a clip or preview of a video or an animation: its size, its time span and its frame rate. */

import type { MediaTime } from '@media-proxy/shared/request/media-request.ts'
import type { Size } from '../../../media/size.ts'
import type { Geometry } from '../../render-options.ts'
import type { Plan } from '../image/plan.ts'
import { timestampOf } from '../video/video.ts'
import type { Span } from './read-video.ts'

/** The maximum number of pixels of a clip without a requested size: 1080p. */
const DEFAULT_PIXELS = 1920 * 1080
/** The highest frame rate. A chat application shows no more. */
const MAX_FRAME_RATE = 60

export interface ClipLimits {
  /** The maximum number of pixels of a clip without a requested size. */
  readonly pixels: number
  /** The highest frame rate of a clip without a requested one. */
  readonly frameRate: number
}

/** The limits of clips, the best ones first. The others are for clips that would take too long. */
export const CLIP_LIMITS = [
  { pixels: DEFAULT_PIXELS, frameRate: MAX_FRAME_RATE },
  { pixels: DEFAULT_PIXELS, frameRate: 30 },
  { pixels: 1280 * 720, frameRate: 30 },
] as const satisfies readonly ClipLimits[]
const MIN_SECONDS = 0.1

/**
 * Returns the size of a clip. Its sides are even, because chroma is halved. Without a requested size it has
 * no more pixels than a usual screen.
 */
export function clipSize(size: Size, geometry: Geometry, pixels = DEFAULT_PIXELS): Size {
  const { width, height } = isSizeRequested(geometry) ? size : withPixels(size, pixels)
  return { width: even(width), height: even(height) }
}

/** The maximum number of pixels of a preview without a requested size. */
const DEFAULT_PREVIEW_PIXELS = 480 * 270

/** Returns the plan of a preview, reduced when no size was requested. */
export function previewSize(plan: Plan, geometry: Geometry): Plan {
  if (isSizeRequested(geometry)) return plan
  const { width, height } = withPixels(plan, DEFAULT_PREVIEW_PIXELS)
  return { ...plan, width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) }
}

function isSizeRequested(geometry: Geometry): boolean {
  return geometry.kind === 'asset' || geometry.width !== undefined || geometry.height !== undefined
}

/** Scales a size down to at most this many pixels. The resulting sides are not whole numbers. */
function withPixels({ width, height }: Size, maxPixels: number): Size {
  const scale = Math.min(1, Math.sqrt(maxPixels / (width * height)))
  return { width: width * scale, height: height * scale }
}

function even(pixels: number): number {
  return Math.max(2, 2 * Math.floor(Math.round(pixels) / 2))
}

export interface SpanOptions {
  /** The start in seconds. Values past the end mean the end. */
  readonly startSeconds: number
  /** The longest duration, in seconds. */
  readonly seconds: number
  /** The duration of the source, if known. */
  readonly durationSeconds: number | undefined
}

/** Returns where a clip starts, in seconds. With `best` it starts at 0. */
export function startSecondsOf(time: MediaTime | undefined, durationSeconds: number | undefined): number {
  return time === 'best' ? 0 : (timestampOf(time, durationSeconds) ?? 0)
}

/** Returns the requested part of a video. It is never empty. */
export function spanOf({ startSeconds, seconds, durationSeconds }: SpanOptions): Span {
  const end = durationSeconds ?? Number.POSITIVE_INFINITY
  const start = Math.max(0, Math.min(startSeconds, end - MIN_SECONDS))
  return { startSeconds: start, endSeconds: Math.min(start + seconds, Math.max(end, start + MIN_SECONDS)) }
}

/**
 * Returns the frame rate that a video is reduced to, at most `frameRate` when none was requested. Undefined
 * when all its frames are kept.
 */
export function reducedRate(
  requested: number | undefined,
  sourceRate: number,
  frameRate = MAX_FRAME_RATE,
): number | undefined {
  const requestedRate = Math.min(requested ?? frameRate, MAX_FRAME_RATE)
  // A rate of 60.02 counts as 60.
  return requestedRate < sourceRate * RATE_TOLERANCE ? requestedRate : undefined
}

const RATE_TOLERANCE = 0.995

/** Returns the largest number of frames of the span, with some to spare. */
export function maxFramesOf({ startSeconds, endSeconds }: Span): number {
  return Math.ceil((endSeconds - startSeconds) * MAX_FRAME_RATE) + MAX_FRAME_RATE
}
