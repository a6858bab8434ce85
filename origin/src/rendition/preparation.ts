/**
 * Makes renditions before they are requested: one at a time, and only while the service is otherwise idle.
 */

import { setImmediate, setTimeout } from 'node:timers/promises'
import { type CanonicalUrl, renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import { sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Log } from '../telemetry/log.ts'
import type { Pipeline } from './pipeline.ts'
import type { RenditionRequest } from './spec.ts'

export interface PreparationOptions {
  readonly pipeline: Pick<Pipeline, 'fresh' | 'render'>
  /** Whether a job can run without delaying others. */
  readonly isIdle: () => boolean
  readonly log: Log
}

export interface Preparation {
  /** Queues a rendition to be made later. Does nothing if it is queued already, or if the queue is full. */
  add(request: RenditionRequest): 'ready' | 'queued' | 'full'
  /** Aborts the rendition in progress and clears the queue. */
  close(): Promise<void>
}

/** The maximum number of queued renditions. */
const MAX_WAITING = 1024
/** How often to check whether the service is idle, in milliseconds. */
const POLL_MS = 100

export function createPreparation({ pipeline, isIdle, log }: PreparationOptions): Preparation {
  const waiting = new Map<CanonicalUrl, RenditionRequest>()
  const closing = new AbortController()
  let work: Promise<void> | undefined

  async function makeAll(): Promise<void> {
    // Requests that are added in the same tick are all in the queue before the first one starts.
    await setImmediate()
    for (;;) {
      while (!isIdle() && !closing.signal.aborted) await setTimeout(POLL_MS, undefined, { ref: false })
      const [next, following] = waiting
      if (next === undefined || closing.signal.aborted) return
      const [url, request] = next
      const isFollowed = following !== undefined && sourceNameOf(following[1]) === sourceNameOf(request)
      await make(request, isFollowed)
      waiting.delete(url)
    }
  }

  async function make(request: RenditionRequest, isFollowed: boolean): Promise<void> {
    try {
      const made = await pipeline.render(request, new Headers(), closing.signal, isFollowed)
      if (isFailure(made) && !closing.signal.aborted)
        log.info({ failure: made.code, detail: made.detail }, 'a rendition could not be made ahead')
    } catch (error) {
      // Either the source broke off, or the service is shutting down, which is not logged.
      if (!closing.signal.aborted) log.warn({ err: error }, 'a rendition could not be made ahead')
    }
  }

  return {
    add(request) {
      const url = renditionUrl(request)
      if (pipeline.fresh(url) !== undefined) return 'ready'
      if (waiting.has(url)) return 'queued'
      if (waiting.size >= MAX_WAITING || closing.signal.aborted) return 'full'
      waiting.set(url, request)
      work ??= makeAll().finally(() => {
        work = undefined
      })
      return 'queued'
    },
    async close() {
      closing.abort()
      waiting.clear()
      await work
    },
  }
}
