/** Classifies the work of a job, so that work which ended its process can be recognised and rejected. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { Job } from './jobs.ts'

/** What determines the work of a job besides its source. The size of the result is not part of it. */
export interface JobFingerprint {
  /** `plain` is work on the header and the first frame. */
  readonly kind: 'plain' | 'still' | 'animated' | 'sprite' | 'clip' | 'examine' | 'frames' | 'scan'
  /** The options that determine the work, as JSON. */
  readonly options: string
}

const PLAIN: JobFingerprint = { kind: 'plain', options: '' }

export function fingerprintOf(job: Job): JobFingerprint {
  switch (job.kind) {
    case 'render': {
      const { format, animated, sprite, time, durationMs, fps, silent } = job.options
      if (isClipFormat(format)) return fingerprint('clip', format, time, durationMs, fps, silent)
      if (sprite !== undefined) return fingerprint('sprite', sprite)
      if (animated) return fingerprint('animated', time, durationMs, fps)
      return time === undefined ? PLAIN : fingerprint('still', time)
    }
    case 'examine': {
      const wantsWaveform = job.extras.includes('waveform')
      return job.scan || wantsWaveform ? fingerprint('examine', job.scan, wantsWaveform) : PLAIN
    }
    case 'frames':
    case 'scan':
      return fingerprint(job.kind)
  }
}

function fingerprint(kind: JobFingerprint['kind'], ...options: readonly unknown[]): JobFingerprint {
  return { kind, options: JSON.stringify(options) }
}
