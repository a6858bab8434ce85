import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { expect, it } from 'vitest'
import { createLocalFlights } from './local-flights.ts'

const URL_OF_IT = '/attachments/1/a.png' as CanonicalUrl

it('only one request leads at a time, until it ends', async () => {
  const flights = createLocalFlights(() => 0)
  const first = flights.begin(URL_OF_IT)
  expect(flights.begin(URL_OF_IT)).toBeUndefined()
  first?.end({ kind: 'cached' })
  expect(flights.begin(URL_OF_IT)).toBeDefined()
})

it('a leader that never ends is replaced after a timeout, and can no longer end the flight of its successor', async () => {
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
