/** The tools with which an engine process opens videos, here without such a process. */

import { inspectFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'
import { createFfmpeg, type Ffmpeg } from '@media-proxy/origin/engine/process/ffmpeg/ffmpeg.ts'
import { createFfmpegDecoder } from '@media-proxy/origin/engine/process/ffmpeg/ffmpeg-decoder.ts'
import { createLibavDecoder } from '@media-proxy/origin/engine/process/libav/libav-decoder.ts'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import type { VideoTools } from '@media-proxy/origin/engine/process/video/video.ts'
import type { SourceLimits } from '@media-proxy/origin/media/limits.ts'

export const LIMITS: SourceLimits = {
  sourceBytes: 500 * 2 ** 20,
  decodedBytes: 512 * 2 ** 20,
  sidePixels: 16384,
  frames: 1000,
  temporaryFileBytes: 64 * 2 ** 20,
  clipSeconds: 60,
  clipBytes: 64 * 1024 * 1024,
  avifPixels: 8_400_000,
}

/** Costs that admit every job. */
export const ANY_COST = { memoryBytes: Number.MAX_SAFE_INTEGER, cpuSeconds: Number.MAX_SAFE_INTEGER }

export const ignoreReport = () => undefined

const libav = await loadLibav()
const binary = await inspectFfmpeg(process.env)

/** The FFmpeg binary. Undefined when it is not installed. */
export const ffmpeg: Ffmpeg | undefined =
  'fault' in binary ? undefined : createFfmpeg({ binary, memoryBytes: 2 * 2 ** 30 })

export const libavTools: VideoTools = {
  decoder: async () => (libav === undefined ? undefined : createLibavDecoder(libav)),
  libav: async () => libav,
  limits: LIMITS,
}

export const ffmpegTools: VideoTools = {
  decoder: async () =>
    ffmpeg === undefined ? undefined : createFfmpegDecoder(ffmpeg, LIMITS.temporaryFileBytes),
  libav: async () => undefined,
  limits: LIMITS,
}

/** The decoder that the service itself would use on this machine. */
export const videoTools: VideoTools = libav === undefined ? ffmpegTools : libavTools
