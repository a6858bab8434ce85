import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from './load.ts'
import { openWithLibav } from './open.ts'
import { playFrames } from './play-frames.ts'
import { decodeRuns } from './runs.ts'

/** Videos decoded by libav in this process. */
export function createLibavDecoder(libav: Libav): VideoDecoder {
  return {
    decodeRuns: async (runs, options) => decodeRuns(libav, runs, options),

    async openFile(source, format) {
      const file = openWithLibav(libav, source, format)
      if (isFailure(file)) return file
      return {
        info: file.info,
        readFrame: async (atSeconds, options) => file.readFrame(atSeconds, options),
        close: async () => file[Symbol.dispose](),
      }
    },

    async *playFrames(sequence, options) {
      yield* playFrames(libav, sequence, options)
    },
  }
}
