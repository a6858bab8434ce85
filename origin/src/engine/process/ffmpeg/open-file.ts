/**
 * Opens files for FFmpeg's binary. Their contents are read here, without a child. Frames are decoded from the
 * few bytes they are coded in or, when that is not possible, from the whole file on disk.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { Container, ContainerInfo, PacketRun } from '../container/container.ts'
import { openContainer } from '../container/open-container.ts'
import type { ByRange, DecodedFile, DecodeOptions, Frame, Timestamp } from '../container/video-decoder.ts'
import { readAviInfo } from './avi.ts'
import { decodeFile, decodeRuns, type FileInput } from './decode.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { openTemporaryFile } from './temporary-file.ts'

/** The only demuxer that may open a file, by format. */
const DEMUXERS: Readonly<Record<VideoFormat, FileInput['demuxer']>> = {
  mp4: 'mov',
  mov: 'mov',
  webm: 'matroska',
  mkv: 'matroska',
  avi: 'avi',
  flv: 'flv',
  wmv: 'asf',
  ts: 'mpegts',
  mpeg: 'mpeg',
  ogv: 'ogg',
  '3gp': 'mov',
}

export interface FfmpegFileOptions {
  /** The largest file that is written to disk, in bytes. */
  readonly maxFileBytes: number
  /** The index of another video track that is read instead of the shown one. */
  readonly other: number | undefined
}

/** Opens a file. Fails with `undecodable`, or as the bytes do. */
export async function openFfmpegFile(
  ffmpeg: Ffmpeg,
  source: ByRange,
  format: VideoFormat,
  { maxFileBytes, other }: FfmpegFileOptions,
): Promise<DecodedFile | Failure> {
  const opened = format === 'avi' ? undefined : await openContainer(source, format, other)
  if (opened !== undefined && isFailure(opened)) return opened
  const info = opened?.info ?? readAviInfo(source)
  if (isFailure(info)) return info
  let file: Awaited<ReturnType<typeof openTemporaryFile>> | undefined
  const readFromFile = async (atSeconds: Timestamp, options: DecodeOptions) => {
    file ??= await openTemporaryFile(source, maxFileBytes)
    if (isFailure(file)) return file
    return decodeFile(
      ffmpeg,
      { path: file.path, demuxer: DEMUXERS[format], track: opened?.trackIndex ?? 0, atSeconds },
      options,
    )
  }
  return {
    info,
    async readFrames(timestamps, options) {
      const inside = timestamps.map((timestamp) => withinDuration(timestamp, info))
      const frames = await decodeFromRuns(ffmpeg, opened, inside, options)
      const all: (Frame | Failure)[] = []
      for (const [index, frame] of frames.entries()) {
        const fromRun = !isFailure(frame) || frame.code !== 'undecodable'
        all.push(fromRun ? frame : await readFromFile(inside[index], options))
      }
      return all
    },
    async close() {
      opened?.close()
      if (file !== undefined && !isFailure(file)) await file.remove()
    },
  }
}

/** The assumed longest duration of a video that declares none: one day, in seconds. */
const UNKNOWN_END_SECONDS = 86_400
/** A frame that starts at the end of the video is not shown, because an edit list has cut it off. */
const BEFORE_THE_END_SECONDS = 0.0005

function withinDuration(timestamp: Timestamp, { durationSeconds }: ContainerInfo): Timestamp {
  if (timestamp === undefined) return timestamp
  return Math.max(0, Math.min(timestamp, (durationSeconds ?? UNKNOWN_END_SECONDS) - BEFORE_THE_END_SECONDS))
}

async function decodeFromRuns(
  ffmpeg: Ffmpeg,
  container: Container | undefined,
  timestamps: readonly Timestamp[],
  options: DecodeOptions,
): Promise<readonly (Frame | Failure)[]> {
  const runs: (PacketRun | Failure)[] = []
  for (const timestamp of timestamps)
    runs.push((await container?.readRun(timestamp)) ?? fail('undecodable', 'no demuxer for it'))
  const readable = runs.filter((run): run is PacketRun => !isFailure(run))
  const decoded = readable.length === 0 ? [] : await decodeTogether(ffmpeg, readable, options)
  let next = 0
  return runs.map((run) => {
    if (isFailure(run)) return run
    next += 1
    return decoded[next - 1] ?? fail('undecodable')
  })
}

/** Decodes all runs in one child if that works, and else in one child each. */
async function decodeTogether(
  ffmpeg: Ffmpeg,
  runs: readonly PacketRun[],
  options: DecodeOptions,
): Promise<readonly (Frame | Failure)[]> {
  const frames = await decodeRuns(ffmpeg, runs, options)
  if (!isFailure(frames)) return frames
  if (frames.code !== 'undecodable' || runs.length === 1) return runs.map(() => frames)
  const singles: (Frame | Failure)[] = []
  for (const run of runs) {
    const single = await decodeRuns(ffmpeg, [run], options)
    singles.push(isFailure(single) ? single : (single[0] ?? fail('undecodable')))
  }
  return singles
}
