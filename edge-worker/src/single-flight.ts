/**
 * Single flight across isolates: of all that ask for one answer that no cache holds, at one location, one leads and
 * asks the origin; the rest wait, and then read the cache. The coordinator never carries bytes.
 */

import { DurableObject, RpcTarget } from 'cloudflare:workers'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { within } from './within.ts'

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

/**
 * A leader that has not settled after this long is given up, and each of its followers asks for itself. A little more than
 * the origin takes by default, in milliseconds: for a rendition, and for a clip.
 */
const LEADER_MS = { short: 35_000, long: 125_000 } as const
/** By so much followers outwait their leader, should the coordinator itself be lost. */
const LOST_MS = 1000
/** The coordinator only says who leads. */
const JOIN_MS = 5000

/** One object for each location and key, in memory only: a lost call is made again. */
export class FlightCoordinator extends DurableObject {
  #call: PromiseWithResolvers<LeaderOutcome> | undefined
  #timer: ReturnType<typeof setTimeout> | null = null

  /** The lead for the first; for the others what tells them, in the same session, what it found. */
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

/** One end of a call: joining it, and settling or waiting, are one session, and so one request to the platform. */
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

  /** The platform calls it when nobody holds this end any more: a leader that is lost, with its isolate say, gives up. */
  [Symbol.dispose](): void {
    this.#settle?.({ kind: 'abandoned' })
  }
}

/** What joining a flight makes of a request. */
export type Role =
  | { readonly kind: 'lead'; settle(outcome: LeaderOutcome): Promise<void> }
  /** `outcome` never rejects. */
  | { readonly kind: 'follow'; readonly outcome: Promise<LeaderOutcome> }

export interface SingleFlight {
  /** `isLong`: what is asked for may take minutes. */
  join(url: CanonicalUrl, isLong: boolean): Promise<Role>
}

export interface SingleFlightOptions {
  readonly namespace: DurableObjectNamespace<FlightCoordinator>
  /** The data centre: what is in its cache is all that its followers can read. */
  readonly location: string
  readonly onFailure: (error: unknown) => void
}

/** Where the coordinator cannot be reached, everybody asks the origin: slower, never wrong. */
export function createSingleFlight({ namespace, location, onFailure }: SingleFlightOptions): SingleFlight {
  /** What is asked of the coordinator, or `uncached` where that takes too long or fails. */
  async function ask<T>(milliseconds: number, asked: Promise<T>): Promise<T | LeaderOutcome> {
    try {
      return await within(milliseconds, asked)
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
            // The followers' own limits end their waiting.
            onFailure(error)
          }
        },
      }
    },
  }
}
