import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { expect, it } from 'vitest'
import { createLocalFlights } from './local-flights.ts'

const URL_OF_IT = '/attachments/1/a.png' as CanonicalUrl

it('one at a time asks for itself, until it has ended', async () => {
  const flights = createLocalFlights(() => 0)
  const first = flights.begin(URL_OF_IT)
  expect(flights.begin(URL_OF_IT)).toBeUndefined()
  first?.end({ kind: 'cached' })
  expect(flights.begin(URL_OF_IT)).toBeDefined()
})

it('who is gone without an end makes way for the next, and ends nothing of it any more', async () => {
  let now = 0
  const flights = createLocalFlights(() => now)
  const lost = flights.begin(URL_OF_IT)
  lost?.slow()
  now = 140_000
  expect(flights.begin(URL_OF_IT)).toBeUndefined()
  now = 160_000
  expect(flights.begin(URL_OF_IT)).toBeDefined()
  lost?.end({ kind: 'abandoned' })
  expect(flights.begin(URL_OF_IT)).toBeUndefined()
})
