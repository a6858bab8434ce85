import type { MediaSetup } from '../../setup.ts'
import type { VideoDecoder } from '../container/video-decoder.ts'
import type { Libav, LibavFault } from '../libav/load.ts'

export interface LoadedDecoders {
  /** Undefined when libav is switched off, has no build for this platform, or cannot be loaded. */
  readonly libav: () => Promise<Libav | undefined>
  /** Loads libav and returns why it cannot be used, if so. */
  readonly libavFault: () => Promise<string | undefined>
  /** libav, or else FFmpeg's binary if there is one. */
  readonly video: () => Promise<VideoDecoder | undefined>
}

/** Creates the loaders of the video decoders of this process. Each decoder is loaded on first use. */
export function createDecoders(setup: MediaSetup): LoadedDecoders {
  let libav: Promise<Libav | LibavFault> | undefined
  let video: Promise<VideoDecoder | undefined> | undefined
  const tryLibavOnce = () => {
    libav ??= setup.libav === 'off' ? Promise.resolve({ fault: 'switched off' }) : tryLibav()
    return libav
  }
  const loadLibavOnce = async () => {
    const loaded = await tryLibavOnce()
    return 'fault' in loaded ? undefined : loaded
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
    async libavFault() {
      const loaded = await tryLibavOnce()
      return 'fault' in loaded ? loaded.fault : undefined
    },
    video() {
      video ??= loadVideo()
      return video
    },
  }
}

async function tryLibav(): Promise<Libav | LibavFault> {
  const { tryLibav: load } = await import('../libav/load.ts')
  return load()
}
