/**
 * Single flight across isolates: of all that ask for one answer that no cache holds, at one location, one leads and
 * asks the origin; the rest wait, and then read the cache. The coordinator never carries bytes.
 */

import { DurableObject } from 'cloudflare:workers'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'

/** What the leader found, for those that waited. */
export type LeaderOutcome =
  /** The answer is in the cache of this location. */
  | { readonly kind: 'cached' }
  /** It cannot be kept (too large, say): ask the origin, which coalesces again. */
  | { readonly kind: 'uncached' }
  /** The same short refusal for all. */
  | { readonly kind: 'rejected'; readonly rejection: SharedRejection }
  /** The leader gave up for a reason of its own: somebody else may lead. */
  | { readonly kind: 'abandoned' }

export interface SharedRejection {
  readonly status: number
  readonly text: string
  readonly headers: HeaderRecord
}

/** A leader that has not settled after this long is given up, and its followers with it. In milliseconds. */
const LEADER_MS = 25_000
/** Followers have a limit of their own, should the coordinator itself be lost. */
const FOLLOWER_MS = LEADER_MS + 1000

/** One object for each location and key, in memory only: a lost call is made again. */
export class FlightCoordinator extends DurableObject {
  #call: PromiseWithResolvers<LeaderOutcome> | undefined
  #timer: ReturnType<typeof setTimeout> | null = null

  /** `lead` for the first; for the others, once the leader has settled, what it found. */
  async join(): Promise<'lead' | LeaderOutcome> {
    if (this.#call !== undefined) return this.#call.promise
    this.#call = Promise.withResolvers<LeaderOutcome>()
    this.#timer = setTimeout(() => this.settle({ kind: 'abandoned' }), LEADER_MS)
    return 'lead'
  }

  /** The leader's word. */
  settle(outcome: LeaderOutcome): void {
    clearTimeout(this.#timer)
    this.#call?.resolve(outcome)
    this.#call = undefined
  }
}

export interface SingleFlight {
  join(url: CanonicalUrl): Promise<'lead' | LeaderOutcome>
  settle(url: CanonicalUrl, outcome: LeaderOutcome): Promise<void>
}

export interface SingleFlightOptions {
  readonly namespace: DurableObjectNamespace<FlightCoordinator>
  /** The data centre: what is in its cache is all that its followers can read. */
  readonly location: string
  readonly onFailure: (error: unknown) => void
}

/** Where the coordinator cannot be reached, everybody asks the origin: slower, never wrong. */
export function createSingleFlight({ namespace, location, onFailure }: SingleFlightOptions): SingleFlight {
  const coordinator = (url: CanonicalUrl) => namespace.get(namespace.idFromName(`${location} ${url}`))
  return {
    async join(url) {
      let timer: ReturnType<typeof setTimeout> | null = null
      const impatient = new Promise<LeaderOutcome>((resolve) => {
        timer = setTimeout(() => resolve({ kind: 'uncached' }), FOLLOWER_MS)
      })
      try {
        return await Promise.race([coordinator(url).join(), impatient])
      } catch (error) {
        onFailure(error)
        return { kind: 'uncached' }
      } finally {
        clearTimeout(timer)
      }
    },

    async settle(url, outcome) {
      try {
        await coordinator(url).settle(outcome)
      } catch (error) {
        // The followers' own limits end their waiting.
        onFailure(error)
      }
    },
  }
}
