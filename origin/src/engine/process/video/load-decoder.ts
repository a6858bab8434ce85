import type { MediaSetup } from '../../setup.ts'
import type { VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from '../libav/load.ts'

export interface LoadedDecoders {
  /** Undefined when libav is switched off, has no build for this platform, or cannot be loaded. */
  readonly libav: () => Promise<Libav | undefined>
  /** libav, or else FFmpeg's binary if there is one. */
  readonly video: () => Promise<VideoDecoder | undefined>
}

/** Creates the loaders of the video decoders of this process. Each decoder is loaded on first use. */
export function createDecoders(setup: MediaSetup): LoadedDecoders {
  let libav: Promise<Libav | undefined> | undefined
  let video: Promise<VideoDecoder | undefined> | undefined
  const loadLibavOnce = () => {
    libav ??= setup.libav === 'off' ? Promise.resolve(undefined) : loadLibav()
    return libav
  }
  const loadVideo = async () => {
    const loaded = await loadLibavOnce()
    if (loaded !== undefined) {
      const { createLibavDecoder } = await import('../libav/libav-decoder.ts')
      return createLibavDecoder(loaded)
    }
    if (setup.ffmpeg === undefined) return undefined
    const [{ createFfmpeg }, { createFfmpegDecoder }] = await Promise.all([
      import('../ffmpeg/ffmpeg.ts'),
      import('../ffmpeg/ffmpeg-decoder.ts'),
    ])
    const ffmpeg = createFfmpeg({ binary: setup.ffmpeg, memoryBytes: setup.decoderMemoryBytes })
    return createFfmpegDecoder(ffmpeg, setup.temporaryFileBytes)
  }
  return {
    libav: loadLibavOnce,
    video() {
      video ??= loadVideo()
      return video
    },
  }
}

async function loadLibav(): Promise<Libav | undefined> {
  const { loadLibav: load } = await import('../libav/load.ts')
  return load()
}
