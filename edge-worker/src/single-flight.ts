/**
 * Single flight across isolates. Of all concurrent requests for a response that is not in the cache of a
 * location, one leads and requests the origin. The others wait and then read the cache. No bytes pass through
 * the coordinator.
 */

import { DurableObject, RpcTarget } from 'cloudflare:workers'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { within } from './within.ts'

/** The outcome of the leader, for its followers. */
export type LeaderOutcome =
  /** The response is in the cache of this location. */
  | { readonly kind: 'cached' }
  /** Not cacheable, for example because of its size. Followers request the origin, which coalesces them. */
  | { readonly kind: 'uncached' }
  /** All followers get the same short error response. */
  | { readonly kind: 'rejected'; readonly rejection: SharedRejection }
  /** The leader gave up for a reason that concerns only itself. Another request may lead. */
  | { readonly kind: 'abandoned' }

export interface SharedRejection {
  readonly status: number
  readonly text: string
  readonly headers: HeaderRecord
}

/**
 * The time after which a leader counts as lost, and each follower requests for itself, in milliseconds. It is
 * slightly longer than the default deadline of the origin for a rendition and for a clip.
 */
const LEADER_MS = { short: 35_000, long: 125_000 } as const
/** How much longer followers wait than the coordinator, in case that is lost. In milliseconds. */
const LOST_MS = 1000
/** The timeout for joining, in milliseconds. It is short because the coordinator only selects the leader. */
const JOIN_MS = 5000

/** The coordinator of one location and key. It has no storage, because a lost flight can be repeated. */
export class FlightCoordinator extends DurableObject {
  #call: PromiseWithResolvers<LeaderOutcome> | undefined
  #timer: ReturnType<typeof setTimeout> | null = null

  /**
   * Makes the first caller the leader. The others get a flight that returns the outcome in the same session.
   */
  join(isLong: boolean): { readonly leads: boolean; readonly flight: Flight } {
    if (this.#call !== undefined) return { leads: false, flight: new Flight(this.#call.promise) }
    const call = Promise.withResolvers<LeaderOutcome>()
    this.#call = call
    const settle = (outcome: LeaderOutcome) => {
      call.resolve(outcome)
      if (this.#call !== call) return
      clearTimeout(this.#timer)
      this.#call = undefined
    }
    this.#timer = setTimeout(() => settle({ kind: 'abandoned' }), leaderMs(isLong))
    return { leads: true, flight: new Flight(call.promise, settle) }
  }
}

function leaderMs(isLong: boolean): number {
  return isLong ? LEADER_MS.long : LEADER_MS.short
}

/** A caller's end of a flight. Joining and settling or waiting are one session, billed as one request. */
class Flight extends RpcTarget {
  readonly #outcome: Promise<LeaderOutcome>
  readonly #settle: ((outcome: LeaderOutcome) => void) | undefined

  constructor(outcome: Promise<LeaderOutcome>, settle?: (outcome: LeaderOutcome) => void) {
    super()
    this.#outcome = outcome
    this.#settle = settle
  }

  settle(outcome: LeaderOutcome): void {
    this.#settle?.(outcome)
  }

  outcome(): Promise<LeaderOutcome> {
    return this.#outcome
  }

  /** Called by the platform when the caller is gone, for example with its isolate. Abandons the flight. */
  [Symbol.dispose](): void {
    this.#settle?.({ kind: 'abandoned' })
  }
}

/** The role of a request in a flight. */
export type Role =
  | { readonly kind: 'lead'; settle(outcome: LeaderOutcome): Promise<void> }
  /** `outcome` never rejects. */
  | { readonly kind: 'follow'; readonly outcome: Promise<LeaderOutcome> }

export interface SingleFlight {
  /** Joins a flight. `isLong` states that the response may take minutes. */
  join(url: CanonicalUrl, isLong: boolean): Promise<Role>
}

export interface SingleFlightOptions {
  readonly namespace: DurableObjectNamespace<FlightCoordinator>
  /** The data centre. Followers can read only the cache of their own data centre. */
  readonly location: string
  readonly onFailure: (error: unknown) => void
}

/** Creates the client of the coordinator. If that is unreachable, every request goes to the origin. */
export function createSingleFlight({ namespace, location, onFailure }: SingleFlightOptions): SingleFlight {
  /** Returns the coordinator's result, or `uncached` when it fails or times out. */
  async function ask<T>(milliseconds: number, call: Promise<T>): Promise<T | LeaderOutcome> {
    try {
      return await within(milliseconds, call)
    } catch (error) {
      onFailure(error)
      return { kind: 'uncached' }
    }
  }

  return {
    async join(url, isLong) {
      const coordinator = namespace.get(namespace.idFromName(`${location} ${url}`))
      const joined = await ask(JOIN_MS, coordinator.join(isLong))
      if ('kind' in joined) return { kind: 'follow', outcome: Promise.resolve(joined) }
      const { leads, flight } = joined
      const outcome = async (): Promise<LeaderOutcome> => flight.outcome()
      if (!leads) return { kind: 'follow', outcome: ask(leaderMs(isLong) + LOST_MS, outcome()) }
      return {
        kind: 'lead',
        async settle(outcome) {
          try {
            await flight.settle(outcome)
          } catch (error) {
            // The followers' own timeouts end their wait.
            onFailure(error)
          }
        },
      }
    },
  }
}
