/** A video that will be read through: opened, and validated by what its container declares. */

import { type Failure, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { IRational } from 'node-av/lib'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { SourceLimits } from '../../../media/limits.ts'
import type { Libav } from '../libav/load.ts'
import { type OpenedStreams, openStreams } from '../libav/open.ts'
import type { MediaSource } from '../source/media-source.ts'
import { type Video, validateVideo } from '../video/video.ts'

export interface VideoInput extends OpenedStreams {
  readonly info: Video['info']
  /** The approximate average frame rate. */
  readonly frameRate: number
  /** The frame rate without pauses: that of the average, or a higher one that all timestamps fit. */
  readonly highestFrameRate: number
}

/**
 * Returns the largest number of bytes that are read of a file that is read through: its content once, plus
 * what is read again to search for a key frame, or when video and audio lie far apart. For a small file, a few
 * buffers exceed its size.
 */
export function maxBytesRead(sizeBytes: number): number {
  return 2 * sizeBytes + REREAD_BYTES
}

const REREAD_BYTES = 16 * 1024 * 1024

/** The rate assumed for a video that declares none. */
const USUAL_RATE = 30

/** Opens a video. The caller disposes of it. Fails as `openVideo` does. */
export function openVideoInput(
  libav: Libav,
  source: MediaSource,
  format: VideoFormat,
  limits: SourceLimits,
): VideoInput | Failure {
  if (source.sizeBytes > limits.sourceBytes)
    return failWithHint('source-too-large', `${source.sizeBytes} bytes, at most ${limits.sourceBytes}`)
  const opened = openStreams(libav, source, format)
  if (isFailure(opened)) return opened
  const info = validateVideo(opened.info, limits)
  if (isFailure(info)) {
    opened[Symbol.dispose]()
    return info
  }
  opened.bytes.allow(maxBytesRead(source.sizeBytes))
  const frameRate = rateOf(opened.stream?.avgFrameRate) ?? USUAL_RATE
  const highestFrameRate = Math.max(frameRate, rateOf(opened.stream?.rFrameRate) ?? 0)
  return { ...opened, info, frameRate, highestFrameRate }
}

function rateOf(rate: IRational | undefined): number | undefined {
  return rate !== undefined && rate.num > 0 && rate.den > 0 ? rate.num / rate.den : undefined
}
