/** The tools to open a video, validate it against the accepted codecs and limits, and read its frames. */

import type { MediaTime } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import { type SourceLimits, validateDeclaredSize } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import { validateVideoCodec } from '../container/codecs.ts'
import type { ContainerInfo, VideoInfo } from '../container/container.ts'
import type { ByRange, Frame, Timestamp, VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from '../libav/load.ts'
import { frameSize, maxPixels } from './frame-size.ts'

export interface VideoTools {
  /** Loads the video decoder once. Undefined when this system has none. */
  readonly decoder: () => Promise<VideoDecoder | undefined>
  /** Loads FFmpeg's libraries once. Undefined when they are unavailable. */
  readonly libav: () => Promise<Libav | undefined>
  /** Whether they are switched off, which is known without loading them. Default: they are not. */
  readonly isLibavOff?: boolean
  readonly limits: SourceLimits
}

/**
 * A video with at least one frame to show, as far as its container declares. A still of it needs no audio.
 */
export interface Video {
  readonly info: ContainerInfo & { readonly video: VideoInfo }
  /**
   * Returns the frame shown at a moment, or the first one. `shownAt` is the size at which it will be shown: a
   * much larger frame is scaled down. Fails with `undecodable`, `unsupported-codec`, or as the bytes do.
   */
  readFrame(atSeconds: number | undefined, shownAt?: Size): Promise<Frame | Failure>
  /**
   * Returns several frames, each as `readFrame` does, for little more than the cost of the last one. With a
   * tolerance, a frame may be that much earlier than its moment when reaching it is expensive.
   */
  readFrames(
    timestamps: readonly number[],
    shownAt?: Size,
    toleranceSeconds?: number,
  ): Promise<readonly (Frame | Failure)[]>
  close(): Promise<void>
}

/**
 * Opens a video and validates it before anything is decoded. The caller closes it. `other` is the index of
 * another video track to open instead. Fails with `source-too-large`, `undecodable`, `not-visual` (audio
 * only), `unsupported-codec`, `too-large-dimensions`, or with `not-ready` when there is no video decoder.
 */
export async function openVideo(
  { decoder: loadDecoder, limits }: Pick<VideoTools, 'decoder' | 'limits'>,
  bytes: ByRange,
  format: VideoFormat,
  other?: number,
): Promise<Video | Failure> {
  if (bytes.sizeBytes > limits.sourceBytes)
    return failWithHint('source-too-large', `${bytes.sizeBytes} bytes, at most ${limits.sourceBytes}`)
  const decoder = await loadDecoder()
  if (decoder === undefined) return fail('not-ready', 'there is no video decoder')
  const file = await decoder.openFile(bytes, format, maxPixels(limits), other)
  if (isFailure(file)) return file
  const info = validateVideo(file.info, limits)
  if (isFailure(info)) {
    await file.close()
    return info
  }
  const readFrames = (timestamps: readonly Timestamp[], shownAt?: Size, toleranceSeconds?: number) =>
    file.readFrames(timestamps, {
      video: info.video,
      size: frameSize(info.video, shownAt),
      maxPixels: maxPixels(limits),
      ...(toleranceSeconds === undefined ? {} : { toleranceSeconds }),
    })
  return {
    info,
    async readFrame(timestamp, shownAt) {
      const [frame] = await readFrames([timestamp], shownAt)
      return frame ?? fail('undecodable')
    },
    readFrames,
    close: () => file.close(),
  }
}

/** A time longer than any video. The duration that a container declares may be shorter than the video. */
export const PAST_THE_END_SECONDS = 10_000_000

/** Returns the moment that a time refers to, in seconds. Undefined means the first frame that is shown. */
export function timestampOf(
  time: Exclude<MediaTime, 'best'> | undefined,
  durationSeconds: number | undefined,
): number | undefined {
  if (time === undefined) return undefined
  if (!('percent' in time)) return time.milliseconds / 1000
  return time.percent === 100 ? PAST_THE_END_SECONDS : ((durationSeconds ?? 0) * time.percent) / 100
}

/** Validates what a container declares before anything is decoded. Fails as `openVideo` does. */
export function validateVideo(info: ContainerInfo, limits: SourceLimits): Video['info'] | Failure {
  const { video, audio } = info
  if (video === undefined)
    return audio.length > 0
      ? failWithHint('not-visual', 'the file contains only audio')
      : fail('undecodable', 'no stream')
  const rejected = validateVideoCodec(video)
  if (rejected !== undefined) return rejected
  for (const size of [video, { width: video.codedWidth, height: video.codedHeight }]) {
    if (!(size.width > 0 && size.height > 0)) return fail('undecodable', `${size.width}x${size.height}`)
    const declared = { ...size, bands: 4, bytesPerSample: 1, decodedFrames: 1 }
    const tooLarge = validateDeclaredSize(declared, limits)
    if (tooLarge !== undefined) return tooLarge
  }
  return { ...info, video }
}
