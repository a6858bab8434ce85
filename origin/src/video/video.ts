/**
 * A video, opened: what it holds, judged by what is accepted, and its frames. Frames come from the few bytes
 * they are coded in where the container can be read here; else from a temporary file through FFmpeg.
 */

import type { MediaTime } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../image/plan.ts'
import type { VideoFormat } from '../media/kinds.ts'
import { judgeDeclaredSize, type SourceLimits } from '../media/limits.ts'
import type { MediaBytes } from '../media/media-bytes.ts'
import { readAviFacts } from './avi.ts'
import { judgeCodecs } from './codecs.ts'
import type { Container, ContainerFacts, Demuxers, VideoFacts } from './container.ts'
import { type DecodeOptions, decodeFile, decodeRun, type FileInput, type Frame } from './decode.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { isHdr } from './filters.ts'
import { withTemporaryFile } from './temporary-file.ts'

export interface VideoTools {
  readonly demuxers: Demuxers
  readonly ffmpeg: Ffmpeg
  readonly limits: SourceLimits
}

/** A video with at least one frame to show, as far as its container tells. */
export interface Video {
  readonly facts: ContainerFacts & { readonly video: VideoFacts }
  /**
   * The frame that is shown at a moment, or the first that decodes. `shownAt` is the size at which it will be
   * seen: a much larger frame comes smaller than it is. Fails with `undecodable`, `unsupported-codec`, or as
   * the bytes and FFmpeg do.
   */
  readFrame(atSeconds: number | undefined, shownAt?: Size): Promise<Frame | Failure>
  close(): void
}

/**
 * Opens a video and judges it before anything is decoded. The caller closes it. Fails with `source-too-large`,
 * `undecodable`, `not-visual` (sound alone), `unsupported-codec` or `too-large-dimensions`.
 */
export async function openVideo(
  { demuxers, ffmpeg, limits }: VideoTools,
  bytes: MediaBytes,
  format: VideoFormat,
  signal: AbortSignal,
): Promise<Video | Failure> {
  if (bytes.sizeBytes > limits.sourceBytes) return fail('source-too-large', `${bytes.sizeBytes} bytes`)
  const container = format === 'avi' ? undefined : await demuxers.open(bytes, format, signal)
  if (isFailure(container)) return container
  const facts = container === undefined ? await readAviFacts(bytes) : container.facts
  const judged = isFailure(facts) ? facts : judge(facts, limits)
  if (isFailure(judged)) {
    container?.close()
    return judged
  }
  const { video } = judged
  return {
    facts: judged,
    async readFrame(moment, shownAt) {
      const atSeconds = moment === undefined ? undefined : Math.min(moment, judged.durationSeconds ?? moment)
      const options = { video, size: sizeOf(video, shownAt), maxPixels: maxPixels(limits), signal }
      const frame =
        container === undefined ? undefined : await decodeFromParts(ffmpeg, container, atSeconds, options)
      if (frame !== undefined && !(isFailure(frame) && frame.failure === 'undecodable')) return frame
      const demuxer = DEMUXERS[format]
      return withTemporaryFile(bytes, limits.temporaryFileBytes, signal, (path) =>
        decodeFile(ffmpeg, { path, demuxer, atSeconds }, options),
      )
    },
    close: () => container?.close(),
  }
}

/** The moment a request asks for, in seconds; undefined for the first frame that decodes. */
export function momentOf(
  time: MediaTime | undefined,
  durationSeconds: number | undefined,
): number | undefined {
  if (time === undefined) return undefined
  return 'percent' in time ? ((durationSeconds ?? 0) * time.percent) / 100 : time.milliseconds / 1000
}

function judge(facts: ContainerFacts, limits: SourceLimits): Video['facts'] | Failure {
  const { video, audio } = facts
  if (video === undefined) return audio.length > 0 ? fail('not-visual') : fail('undecodable', 'no stream')
  const refused = judgeCodecs({ hasVideo: true, video: video.codec, audio })
  if (refused !== undefined) return refused
  for (const size of [video, { width: video.codedWidth, height: video.codedHeight }]) {
    if (!(size.width > 0 && size.height > 0)) return fail('undecodable', `${size.width}x${size.height}`)
    const declared = { ...size, bands: 4, bytesPerSample: 1, frames: 1, decodedFrames: 1 }
    const tooLarge = judgeDeclaredSize(declared, limits)
    if (tooLarge !== undefined) return tooLarge
  }
  return { ...facts, video }
}

/** Four bytes a pixel, as the limit on decoded bytes counts them. */
function maxPixels(limits: SourceLimits): number {
  return Math.floor(limits.decodedBytes / 4)
}

const DEMUXERS: Readonly<Record<VideoFormat, FileInput['demuxer']>> = {
  mp4: 'mov',
  mov: 'mov',
  webm: 'matroska',
  mkv: 'matroska',
  avi: 'avi',
}

async function decodeFromParts(
  ffmpeg: Ffmpeg,
  container: Container,
  atSeconds: number | undefined,
  options: DecodeOptions,
): Promise<Frame | Failure> {
  const run = await container.readRun(atSeconds)
  return isFailure(run) ? run : decodeRun(ffmpeg, run, options)
}

/** From this ratio on FFmpeg scales, so that fewer pixels travel; to twice the size, so that it is not seen. */
const SHRINK_RATIO = 4
/** Tone mapping costs by the pixel: there it pays at once. */
const HDR_SHRINK_RATIO = 2
const HEADROOM = 2

/** The size in which a frame is handed over. */
function sizeOf(video: VideoFacts, shownAt: Size | undefined): Size {
  const { width, height } = video
  if (shownAt === undefined) return { width, height }
  const ratio = Math.min(width / shownAt.width, height / shownAt.height)
  if (ratio < (isHdr(video.colours) ? HDR_SHRINK_RATIO : SHRINK_RATIO)) return { width, height }
  const scale = HEADROOM / ratio
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
