/**
 * What ended its process, and is refused at once for a while. A moment of a film, a sheet or a clip may be asked for by
 * anybody, and says nothing of the rest of somebody's file: it is refused alone. What ends a process by its header or by its
 * first picture does so whatever is asked.
 */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import type { Job } from './jobs.ts'

export interface LethalWork {
  /** Why some work on a source is refused at once; undefined where it is not. */
  rejection(source: string, work: string): Failure | undefined
  /** Work on a source ended its process, before or after its header was read. */
  remember(
    source: string,
    work: string,
    end: { readonly failure: Failure; readonly inspected: boolean },
  ): void
}

const REMEMBERED = 1000
const REMEMBERED_MS = 600_000

export function createLethalWork(): LethalWork {
  const failures = new LRUCache<string, Failure>({ max: REMEMBERED, ttl: REMEMBERED_MS })
  const keyOf = (source: string, work: string) => `${source}\n${work}`
  return {
    rejection: (source, work) => failures.get(keyOf(source, PLAIN)) ?? failures.get(keyOf(source, work)),
    remember(source, work, { failure, inspected }) {
      failures.set(keyOf(source, inspected ? work : PLAIN), failure)
    },
  }
}

/** Work on the header and the first picture. */
const PLAIN = ''

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
