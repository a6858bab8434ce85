import { expect, it } from 'vitest'
import { externalLifetimeSeconds } from './external-lifetime.ts'

it.each([
  [undefined, undefined],
  ['', undefined],
  ['public', undefined],
  ['public, max-age=31536000, immutable', undefined],
  ['max-age=86400', undefined],
  ['max-age=86399', 86_399],
  ['Max-Age=3600', 3600],
  ['max-age=301', 301],
  ['max-age=10', 300],
  ['max-age=0', 300],
  ['no-store', 300],
  ['NO-STORE, max-age=999999', 300],
  ['private', 300],
  ['private="set-cookie", max-age=999999', 300],
  ['no-cache', 300],
  ['s-maxage=600, max-age=999999', 600],
  ['s-maxage=999999, max-age=10', undefined],
  ['max-age=99999999999999999999', undefined],
  ['max-age=x', 300],
  ['max-age=', 300],
  ['max-age=-5', 300],
  ['public, s-maxage=-1, max-age=999999', 300],
])('%j allows %j seconds', (cacheControl, seconds) => {
  expect(externalLifetimeSeconds(200, cacheControl)).toBe(seconds)
})

it.each([
  [203, undefined, undefined],
  [206, undefined, undefined],
  [201, undefined, 300],
  [202, undefined, 300],
  [202, 'public', 300],
  [202, 'max-age=86400', undefined],
])('status %i with %j allows %j seconds', (status, cacheControl, seconds) => {
  expect(externalLifetimeSeconds(status, cacheControl)).toBe(seconds)
})
