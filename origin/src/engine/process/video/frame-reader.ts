/**
 * Frames of a video at given moments: from the few bytes they are coded in where the container can be read here,
 * else by the decoder that reads the file itself.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SourceLimits } from '../../../media/limits.ts'
import type { Container, PacketRun, VideoInfo } from '../container/container.ts'
import { isHdr } from '../container/filters.ts'
import type { DecodedFile, DecodeOptions, Frame, VideoDecoder } from '../container/video-decoder.ts'
import type { Size } from '../image/plan.ts'

export interface FrameSource {
  readonly decoder: VideoDecoder
  /** Undefined where only the decoder reads the file. */
  readonly container: Container | undefined
  /** The file, opened by the decoder; opened once, when it is first wanted. */
  readonly openFile: () => Promise<DecodedFile | Failure>
  readonly video: VideoInfo
  readonly durationSeconds: number | undefined
  readonly limits: SourceLimits
}

/** One result a moment; a moment that is undefined is that of the first frame that is shown. */
export async function readFrames(
  source: FrameSource,
  moments: readonly (number | undefined)[],
  shownAt: Size | undefined,
): Promise<readonly (Frame | Failure)[]> {
  const { container, video, durationSeconds, decoder, limits } = source
  const options = { video, size: sizeOf(video, shownAt), maxPixels: maxPixels(limits) }
  const inside = moments.map((moment) =>
    moment === undefined ? undefined : Math.min(moment, durationSeconds ?? moment),
  )
  const frames = await decodeFromRuns(decoder, container, inside, options)
  if (!frames.some(isUndecodable)) return frames
  const file = await source.openFile()
  const all: (Frame | Failure)[] = []
  for (const [index, frame] of frames.entries()) {
    if (!isUndecodable(frame)) all.push(frame)
    else all.push(isFailure(file) ? file : await file.readFrame(inside[index], options))
  }
  return all
}

function isUndecodable(frame: Frame | Failure): boolean {
  return isFailure(frame) && frame.code === 'undecodable'
}

/** Four bytes a pixel, as the limit on decoded bytes counts them. */
export function maxPixels(limits: SourceLimits): number {
  return Math.floor(limits.decodedBytes / 4)
}

async function decodeFromRuns(
  decoder: VideoDecoder,
  container: Container | undefined,
  moments: readonly (number | undefined)[],
  options: DecodeOptions,
): Promise<readonly (Frame | Failure)[]> {
  const runs: (PacketRun | Failure)[] = []
  for (const moment of moments) {
    runs.push((await container?.readRun(moment)) ?? fail('undecodable', 'no demuxer for it'))
  }
  const readable = runs.filter((run): run is PacketRun => !isFailure(run))
  const decoded = readable.length === 0 ? [] : await decoder.decodeRuns(readable, options)
  let next = 0
  return runs.map((run) => {
    if (isFailure(run)) return run
    next += 1
    return decoded[next - 1] ?? fail('undecodable')
  })
}

/** From this ratio on the decoder scales, so that fewer pixels travel; to twice the size, so that it is not seen. */
const SHRINK_RATIO = 4
/** Tone mapping costs by the pixel: there it pays at once. */
const HDR_SHRINK_RATIO = 2
const HEADROOM = 2

/** The size in which a frame is handed over. */
function sizeOf(video: VideoInfo, shownAt: Size | undefined): Size {
  const { width, height } = video
  if (shownAt === undefined) return { width, height }
  const ratio = Math.min(width / shownAt.width, height / shownAt.height)
  if (ratio < (isHdr(video.colours) ? HDR_SHRINK_RATIO : SHRINK_RATIO)) return { width, height }
  const scale = HEADROOM / ratio
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
