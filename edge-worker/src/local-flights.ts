/**
 * Coalesces the requests of this isolate to the origin for a short time, so that quick responses, above all
 * for missing objects, need no coordinator. In Workers, requests cannot await each other's promises, so
 * followers poll.
 */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { LeaderOutcome } from './single-flight.ts'

/** The outcome of the first request, or `slow` when the others should join the coordinator. */
export type LocalOutcome = LeaderOutcome | { readonly kind: 'slow' }

export interface LocalFlights {
  /** Starts a flight, which the caller must end. Undefined when another request has started it. */
  begin(url: CanonicalUrl): LocalFlight | undefined
  /** Waits for the outcome of the request that started the flight. */
  wait(url: CanonicalUrl): Promise<LocalOutcome>
}

export interface LocalFlight {
  /** Makes the others join the coordinator. */
  slow(): void
  /** Publishes the outcome, and allows the next flight. */
  end(outcome: LocalOutcome): void
}

const POLL_MS = 25
/** The longest wait for the first request, which may have been cancelled with its client. In milliseconds. */
const LONGEST_WAIT_MS = 25_000
/** When a flight counts as lost: later than the coordinator gives up any leader. In milliseconds. */
const LONGEST_FLIGHT_MS = 150_000

interface Flight {
  readonly beganAt: number
  outcome: LocalOutcome | undefined
}

/** Creates the flights of an isolate. `now` returns milliseconds since the epoch. */
export function createLocalFlights(now: () => number): LocalFlights {
  const flights = new Map<CanonicalUrl, Flight>()
  return {
    begin(url) {
      const before = flights.get(url)
      if (before !== undefined && Math.abs(now() - before.beganAt) < LONGEST_FLIGHT_MS) return undefined
      const flight: Flight = { beganAt: now(), outcome: undefined }
      flights.set(url, flight)
      return {
        slow() {
          flight.outcome ??= { kind: 'slow' }
        },
        end(outcome) {
          flight.outcome ??= outcome
          if (flights.get(url) === flight) flights.delete(url)
        },
      }
    },

    async wait(url) {
      const flight = flights.get(url)
      for (let waited = 0; flight !== undefined && waited < LONGEST_WAIT_MS; waited += POLL_MS) {
        if (flight.outcome !== undefined) return flight.outcome
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
      // Allows the next flight to start.
      if (flight !== undefined && flights.get(url) === flight) flights.delete(url)
      return { kind: 'slow' }
    },
  }
}
