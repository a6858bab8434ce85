/**
 * What this isolate asks the origin for at the moment, for the first moments: what is answered quickly, a missing object
 * above all, needs no coordinator. Requests cannot wait for each other's promises here, so they look again and again.
 */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { LeaderOutcome } from './single-flight.ts'

/** What the first of an isolate found: an outcome, or that the others should ask the coordinator. */
export type LocalOutcome = LeaderOutcome | { readonly kind: 'slow' }

export interface LocalFlights {
  /** For the first: whoever begins must end. Undefined for the others. */
  begin(url: CanonicalUrl): LocalFlight | undefined
  /** For the others: what the first found. */
  wait(url: CanonicalUrl): Promise<LocalOutcome>
}

export interface LocalFlight {
  /** Sends the others to the coordinator from now on. */
  slow(): void
  /** Tells the others, and lets the next begin. */
  end(outcome: LocalOutcome): void
}

const LOOK_EVERY_MS = 25
/** The first may be gone with its client. */
const LONGEST_WAIT_MS = 25_000
/** Whoever has not ended by then never will: longer than the coordinator waits for any leader. */
const LONGEST_FLIGHT_MS = 150_000

interface Flight {
  readonly beganAt: number
  outcome: LocalOutcome | undefined
}

/** One an isolate. `now` in milliseconds since the epoch. */
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
      for (let waited = 0; flight !== undefined && waited < LONGEST_WAIT_MS; waited += LOOK_EVERY_MS) {
        if (flight.outcome !== undefined) return flight.outcome
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      }
      // So that the next may begin.
      if (flight !== undefined && flights.get(url) === flight) flights.delete(url)
      return { kind: 'slow' }
    },
  }
}
