/** Videos decoded by FFmpeg's binary, where libav cannot be had. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { PacketRun } from '../container/container.ts'
import { openContainer } from '../container/open-container.ts'
import type {
  DecodedFile,
  DecodeOptions,
  Frame,
  PlayOptions,
  VideoDecoder,
} from '../container/video-decoder.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import type { ImageSequence } from '../image/sequence.ts'
import { memorySource } from '../source/media-source.ts'
import { readAviInfo } from './avi.ts'
import { decodeFile, decodeRuns, decodeSequence, type FileInput } from './decode.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { openTemporaryFile } from './temporary-file.ts'

/** The only demuxer that may open a file, by our name of its format. */
const DEMUXERS: Readonly<Record<VideoFormat, FileInput['demuxer']>> = {
  mp4: 'mov',
  mov: 'mov',
  webm: 'matroska',
  mkv: 'matroska',
  avi: 'avi',
}

export function createFfmpegDecoder(ffmpeg: Ffmpeg, maxFileBytes: number): VideoDecoder {
  return {
    decodeRuns: (runs, options) => decodeTogether(ffmpeg, runs, options),

    async openFile(source, format, known) {
      const info =
        known ?? (format === 'avi' ? readAviInfo(source) : fail('undecodable', `no reader of ${format}`))
      if (isFailure(info)) return info
      let file: Awaited<ReturnType<typeof openTemporaryFile>> | undefined
      const opened: DecodedFile = {
        info,
        async readFrame(atSeconds, options) {
          file ??= await openTemporaryFile(source, maxFileBytes)
          if (isFailure(file)) return file
          return decodeFile(ffmpeg, { path: file.path, demuxer: DEMUXERS[format], atSeconds }, options)
        },
        async close() {
          if (file !== undefined && !isFailure(file)) await file.remove()
        },
      }
      return opened
    },

    playFrames: (sequence, options) => playSequence(ffmpeg, sequence, options),
  }
}

/** One child for all where that works, else one for each. */
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

/** FFmpeg gives all frames of a sequence at once. */
async function* playSequence(
  ffmpeg: Ffmpeg,
  sequence: ImageSequence,
  { size, maxPixels }: PlayOptions,
): AsyncGenerator<RawPicture | Failure, void, void> {
  const opened = await openContainer(memorySource(sequence.asVideo(), undefined), 'mp4')
  if (isFailure(opened)) return yield opened
  opened.close()
  if (opened.info.video === undefined) return yield fail('undecodable', 'no pictures')
  const { hasAlpha, frames } = sequence
  const video = { ...opened.info.video, hasAlpha }
  const decoded = await decodeSequence(ffmpeg, sequence.asVideo('with alpha'), frames, {
    video,
    size,
    maxPixels,
  })
  if (isFailure(decoded)) return yield decoded
  const { data, channels } = decoded
  const { width, height } = size
  const frameBytes = width * height * channels
  for (let index = 0; index < frames; index += 1) {
    yield { width, height, channels, data: data.subarray(index * frameBytes, (index + 1) * frameBytes) }
  }
}
