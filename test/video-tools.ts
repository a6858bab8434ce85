/** What a video is opened with, as in the service, but without its log. */

import type { SourceLimits } from '@media-proxy/origin/media/limits.ts'
import { createLane } from '@media-proxy/origin/rendition/admission.ts'
import { createDemuxers, DEMUXER_DEFAULTS } from '@media-proxy/origin/video/container.ts'
import { createFfmpeg } from '@media-proxy/origin/video/ffmpeg.ts'
import type { VideoTools } from '@media-proxy/origin/video/video.ts'
import { pino } from 'pino'
import { patient } from './patience.ts'

export const LIMITS: SourceLimits = {
  sourceBytes: 500 * 2 ** 20,
  decodedBytes: 512 * 2 ** 20,
  sidePixels: 16384,
  frames: 1000,
  temporaryFileBytes: 64 * 2 ** 20,
}

/** Of one thread that reads containers, and two children at once. */
export function createVideoTools(): VideoTools {
  return {
    demuxers: createDemuxers({ kept: 1, ...DEMUXER_DEFAULTS, thinkMs: patient(DEMUXER_DEFAULTS.thinkMs) }),
    ffmpeg: createFfmpeg({
      environment: process.env,
      log: pino({ level: 'silent' }),
      lane: createLane({ concurrency: 2, queue: 100 }),
      deadlineMs: patient(10_000),
      memoryBytes: 2 * 2 ** 30,
    }),
    limits: LIMITS,
  }
}
