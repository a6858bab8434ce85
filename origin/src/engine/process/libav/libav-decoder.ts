import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { DecodeOptions, Frame, Timestamp, VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from './load.ts'
import { type LibavFile, openWithLibav } from './open.ts'
import { playFrames } from './play-frames.ts'

/** Creates a decoder that reads videos with libav in this process. */
export function createLibavDecoder(libav: Libav): VideoDecoder {
  return {
    async openFile(source, format, maxPixels, other) {
      const file = openWithLibav(libav, source, format, { maxPixels, other })
      if (isFailure(file)) return file
      return {
        info: file.info,
        readFrames: async (timestamps, options) => readInOrder(file, timestamps, options),
        close: async () => file[Symbol.dispose](),
      }
    },

    async *playFrames(sequence, options) {
      yield* playFrames(libav, sequence, options)
    },
  }
}

/** Reads the moments in ascending order, and returns the frames in the order in which they were requested. */
function readInOrder(
  file: LibavFile,
  timestamps: readonly Timestamp[],
  options: DecodeOptions,
): readonly (Frame | Failure)[] {
  const frames = new Map<Timestamp, Frame | Failure>()
  const inOrder = timestamps.filter((timestamp) => timestamp !== undefined).toSorted((a, b) => a - b)
  for (const timestamp of timestamps.includes(undefined) ? [undefined, ...inOrder] : inOrder)
    if (!frames.has(timestamp)) frames.set(timestamp, file.readFrame(timestamp, options))
  return timestamps.map((timestamp) => frames.get(timestamp) ?? fail('undecodable'))
}
