/**
 * Frames of a video at given moments: from the few bytes they are coded in where the container can be read here,
 * else from a temporary file through FFmpeg.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { SourceLimits } from '../../../media/limits.ts'
import type { Size } from '../image/plan.ts'
import type { MediaSource } from '../source.ts'
import type { Container, PacketRun, VideoFacts } from './container.ts'
import { type DecodeOptions, decodeFile, decodeRuns, type FileInput, type Frame } from './decode.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { isHdr } from './filters.ts'
import { withTemporaryFile } from './temporary-file.ts'

export interface FrameSource {
  readonly bytes: Pick<MediaSource, 'sizeBytes' | 'read'>
  /** Undefined where only FFmpeg can read the file. */
  readonly container: Container | undefined
  readonly format: VideoFormat
  readonly video: VideoFacts
  readonly durationSeconds: number | undefined
  readonly ffmpeg: Ffmpeg | undefined
  readonly limits: SourceLimits
}

/** One result a moment; a moment that is undefined is that of the first frame that decodes. */
export async function readFrames(
  source: FrameSource,
  moments: readonly (number | undefined)[],
  shownAt: Size | undefined,
): Promise<readonly (Frame | Failure)[]> {
  const { bytes, container, format, video, durationSeconds, ffmpeg, limits } = source
  if (ffmpeg === undefined) return moments.map(() => fail('not-ready', 'there is no decoder of videos'))
  const options = { video, size: sizeOf(video, shownAt), maxPixels: maxPixels(limits) }
  const inside = moments.map((moment) =>
    moment === undefined ? undefined : Math.min(moment, durationSeconds ?? moment),
  )
  const frames = await decodeFromParts(ffmpeg, container, inside, options)
  if (!frames.some(isUndecodable)) return frames
  const fromFile = await withTemporaryFile(bytes, limits.temporaryFileBytes, async (path) => {
    const file = { path, demuxer: DEMUXERS[format] }
    const again: (Frame | Failure)[] = []
    for (const [index, frame] of frames.entries()) {
      const atSeconds = inside[index]
      again.push(isUndecodable(frame) ? await decodeFile(ffmpeg, { ...file, atSeconds }, options) : frame)
    }
    return again
  })
  return isFailure(fromFile) ? frames.map((frame) => (isUndecodable(frame) ? fromFile : frame)) : fromFile
}

function isUndecodable(frame: Frame | Failure): boolean {
  return isFailure(frame) && frame.code === 'undecodable'
}

/** Four bytes a pixel, as the limit on decoded bytes counts them. */
export function maxPixels(limits: SourceLimits): number {
  return Math.floor(limits.decodedBytes / 4)
}

const DEMUXERS: Readonly<Record<VideoFormat, FileInput['demuxer']>> = {
  mp4: 'mov',
  mov: 'mov',
  webm: 'matroska',
  mkv: 'matroska',
  avi: 'avi',
}

/** All together where that works, else each by itself. */
async function decodeFromParts(
  ffmpeg: Ffmpeg,
  container: Container | undefined,
  moments: readonly (number | undefined)[],
  options: DecodeOptions,
): Promise<readonly (Frame | Failure)[]> {
  const runs: (PacketRun | Failure)[] = []
  for (const moment of moments) {
    runs.push((await container?.readRun(moment)) ?? fail('undecodable', 'no demuxer for it'))
  }
  const readable = runs.filter((run): run is PacketRun => !isFailure(run))
  if (readable.length === runs.length) {
    const frames = await decodeRuns(ffmpeg, readable, options)
    if (!isFailure(frames)) return frames
    if (frames.code !== 'undecodable' || runs.length === 1) return moments.map(() => frames)
  }
  const frames: (Frame | Failure)[] = []
  for (const run of runs) {
    const single = isFailure(run) ? run : await decodeRuns(ffmpeg, [run], options)
    frames.push(isFailure(single) ? single : (single[0] ?? fail('undecodable')))
  }
  return frames
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
