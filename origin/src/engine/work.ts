/** What decides the work of a job beside its source: what ended a process by it does so again. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { Job } from './jobs.ts'

/** Work on the header and the first picture. */
export const PLAIN = ''

/** What decides the work of a job beside its source, and not how large its result is. */
export function workOf(job: Job): string {
  switch (job.kind) {
    case 'render': {
      const { format, animated, sprite, time, durationMs, fps, silent } = job.options
      if (isClipFormat(format)) return JSON.stringify(['clip', format, time, durationMs, fps, silent])
      if (sprite !== undefined) return JSON.stringify(['sprite', sprite])
      if (animated) return JSON.stringify(['animated', time, durationMs, fps])
      return time === undefined ? PLAIN : JSON.stringify(['still', time])
    }
    case 'examine': {
      const isHeard = job.extras.includes('waveform')
      return job.scan || isHeard ? JSON.stringify(['examine', job.scan, isHeard]) : PLAIN
    }
    case 'frames':
    case 'scan':
      return job.kind
  }
}
