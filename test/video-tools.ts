/** What a video is opened with in an engine process, here without one. */

import { inspectFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'
import { createFfmpeg } from '@media-proxy/origin/engine/process/video/ffmpeg.ts'
import type { VideoTools } from '@media-proxy/origin/engine/process/video/video.ts'
import type { SourceLimits } from '@media-proxy/origin/media/limits.ts'

export const LIMITS: SourceLimits = {
  sourceBytes: 500 * 2 ** 20,
  decodedBytes: 512 * 2 ** 20,
  sidePixels: 16384,
  frames: 1000,
  temporaryFileBytes: 64 * 2 ** 20,
  avifPixels: 8_400_000,
}

/** Whatever a job costs, it is admitted. */
export const ANY_COST = { memoryBytes: Number.MAX_SAFE_INTEGER, cpuSeconds: Number.MAX_SAFE_INTEGER }

export const tellNobody = () => undefined

export async function createVideoTools(): Promise<VideoTools> {
  const binary = await inspectFfmpeg(process.env)
  const ffmpeg = 'fault' in binary ? undefined : createFfmpeg({ binary, memoryBytes: 2 * 2 ** 30 })
  return { ffmpeg, limits: LIMITS }
}
