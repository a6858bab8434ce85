import type { MediaSetup } from '../../setup.ts'
import type { VideoDecoder } from '../container/video-decoder.ts'
import type { Libav } from '../libav/load.ts'

export interface LoadedDecoders {
  /** Undefined where libav is switched off, has no build for this platform, or does not load. */
  readonly libav: () => Promise<Libav | undefined>
  /** Libav, else FFmpeg's binary where there is one. */
  readonly video: () => Promise<VideoDecoder | undefined>
}

/** What decodes videos in this process; each is loaded with the first that wants it. */
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
