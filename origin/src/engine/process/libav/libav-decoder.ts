import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from './load.ts'
import { openWithLibav } from './open.ts'
import { playFrames } from './play-frames.ts'

/** Videos read and decoded by libav in this process. */
export function createLibavDecoder(libav: Libav): VideoDecoder {
  return {
    async openFile(source, format) {
      const file = openWithLibav(libav, source, format)
      if (isFailure(file)) return file
      return {
        info: file.info,
        readFrames: async (moments, options) => moments.map((moment) => file.readFrame(moment, options)),
        close: async () => file[Symbol.dispose](),
      }
    },

    async *playFrames(sequence, options) {
      yield* playFrames(libav, sequence, options)
    },
  }
}
