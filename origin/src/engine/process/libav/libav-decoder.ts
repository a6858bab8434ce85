import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { DecodeOptions, Frame, Moment, VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from './load.ts'
import { type LibavFile, openWithLibav } from './open.ts'
import { playFrames } from './play-frames.ts'

/** Creates a decoder that reads videos with libav in this process. */
export function createLibavDecoder(libav: Libav): VideoDecoder {
  return {
    async openFile(source, format, maxPixels, other) {
      const file = openWithLibav(libav, source, format, maxPixels, other)
      if (isFailure(file)) return file
      return {
        info: file.info,
        readFrames: async (moments, options) => readInOrder(file, moments, options),
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
  moments: readonly Moment[],
  options: DecodeOptions,
): readonly (Frame | Failure)[] {
  const frames = new Map<Moment, Frame | Failure>()
  const inOrder = moments.filter((moment) => moment !== undefined).toSorted((a, b) => a - b)
  for (const moment of moments.includes(undefined) ? [undefined, ...inOrder] : inOrder)
    if (!frames.has(moment)) frames.set(moment, file.readFrame(moment, options))
  return moments.map((moment) => frames.get(moment) ?? fail('undecodable'))
}
