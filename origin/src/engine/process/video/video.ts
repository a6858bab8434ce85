/** A video, opened: what it holds, validated by what is accepted, and its frames. */

import type { MediaTime } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, failOpenly, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import { type SourceLimits, validateDeclaredSize } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import { validatePicture } from '../container/codecs.ts'
import type { ContainerInfo, VideoInfo } from '../container/container.ts'
import type { ByRange, Frame, Moment, VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from '../libav/load.ts'
import { frameSize, maxPixels } from './frame-size.ts'

export interface VideoTools {
  /** Loads what decodes videos, once; undefined where this system has nothing that does. */
  readonly decoder: () => Promise<VideoDecoder | undefined>
  /** Loads FFmpeg's libraries, once; undefined where they cannot be had. */
  readonly libav: () => Promise<Libav | undefined>
  readonly limits: SourceLimits
}

/** A video with at least one frame to show, as far as its container tells. A still of it needs no sound. */
export interface Video {
  readonly info: ContainerInfo & { readonly video: VideoInfo }
  /**
   * The frame that is shown at a moment, or the first. `shownAt` is the size at which it will be seen: a much larger
   * frame comes smaller than it is. Fails with `undecodable`, `unsupported-codec`, or as the bytes do.
   */
  readFrame(atSeconds: number | undefined, shownAt?: Size): Promise<Frame | Failure>
  /**
   * Several frames, each as `readFrame` gives it, for little more than the price of the last one. With a tolerance a frame
   * may be so much earlier than its moment, where it is dear to get there.
   */
  readFrames(
    moments: readonly number[],
    shownAt?: Size,
    toleranceSeconds?: number,
  ): Promise<readonly (Frame | Failure)[]>
  close(): Promise<void>
}

/**
 * Opens a video and validates it before anything is decoded. The caller closes it. With the index of one of the other tracks
 * of pictures it is that one. Fails with `source-too-large`, `undecodable`, `not-visual` (audio alone), `unsupported-codec`,
 * `too-large-dimensions`, or with `not-ready` where nothing decodes videos.
 */
export async function openVideo(
  { decoder: loadDecoder, limits }: Pick<VideoTools, 'decoder' | 'limits'>,
  bytes: ByRange,
  format: VideoFormat,
  other?: number,
): Promise<Video | Failure> {
  if (bytes.sizeBytes > limits.sourceBytes)
    return failOpenly('source-too-large', `${bytes.sizeBytes} bytes, at most ${limits.sourceBytes}`)
  const decoder = await loadDecoder()
  if (decoder === undefined) return fail('not-ready', 'there is no decoder of videos')
  const file = await decoder.openFile(bytes, format, maxPixels(limits), other)
  if (isFailure(file)) return file
  const info = validateVideo(file.info, limits)
  if (isFailure(info)) {
    await file.close()
    return info
  }
  const readFrames = (moments: readonly Moment[], shownAt?: Size, toleranceSeconds?: number) =>
    file.readFrames(moments, {
      video: info.video,
      size: frameSize(info.video, shownAt),
      maxPixels: maxPixels(limits),
      ...(toleranceSeconds === undefined ? {} : { toleranceSeconds }),
    })
  return {
    info,
    async readFrame(moment, shownAt) {
      const [frame] = await readFrames([moment], shownAt)
      return frame ?? fail('undecodable')
    },
    readFrames,
    close: () => file.close(),
  }
}

/** Longer than any film lasts: what a container tells of its duration may be less than what it holds. */
export const PAST_THE_END_SECONDS = 10_000_000

/** The moment that a time means, in seconds; undefined for the first frame that is shown. */
export function momentOf(
  time: Exclude<MediaTime, 'best'> | undefined,
  durationSeconds: number | undefined,
): number | undefined {
  if (time === undefined) return undefined
  if (!('percent' in time)) return time.milliseconds / 1000
  return time.percent === 100 ? PAST_THE_END_SECONDS : ((durationSeconds ?? 0) * time.percent) / 100
}

/** Checks what a container tells of a film before anything of it is decoded. Fails as `openVideo` does. */
export function validateVideo(info: ContainerInfo, limits: SourceLimits): Video['info'] | Failure {
  const { video, audio } = info
  if (video === undefined)
    return audio.length > 0
      ? failOpenly('not-visual', 'the file holds sound alone')
      : fail('undecodable', 'no stream')
  const rejected = validatePicture(video)
  if (rejected !== undefined) return rejected
  for (const size of [video, { width: video.codedWidth, height: video.codedHeight }]) {
    if (!(size.width > 0 && size.height > 0)) return fail('undecodable', `${size.width}x${size.height}`)
    const declared = { ...size, bands: 4, bytesPerSample: 1, decodedFrames: 1 }
    const tooLarge = validateDeclaredSize(declared, limits)
    if (tooLarge !== undefined) return tooLarge
  }
  return { ...info, video }
}
