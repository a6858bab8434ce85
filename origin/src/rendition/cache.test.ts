import { expect, it, vi } from 'vitest'
import { createRenditionCache } from './cache.ts'
import type { Rendition } from './rendition.ts'

const rendition = (bytes: number): Rendition => ({
  bytes: new Uint8Array(bytes),
  format: 'webp',
  etag: '"r"',
  lastModified: new Date(0),
  sourceName: 'avatars/1/a',
  sourceKey: 'avatars/1/a.png',
  sourceEtag: '"s"',
})

it('limits the sum of its entries, and evicts the oldest first', () => {
  const cache = createRenditionCache({
    maxBytes: 10_000,
    maxEntryBytes: 8000,
    maxLargeBytes: 1,
    freshForMs: 1,
    now: () => 0,
  })
  cache.set('a', rendition(4000))
  cache.set('b', rendition(4000))
  cache.set('c', rendition(4000))
  expect(cache.get('a')).toBeUndefined()
  expect(cache.get('c')?.rendition.bytes).toHaveLength(4000)
  expect(cache.bytes).toBeLessThanOrEqual(10_000)
})

it('keeps only the bytes, not the larger buffer that contains them', () => {
  const cache = createRenditionCache({
    maxBytes: 10_000,
    maxEntryBytes: 5000,
    maxLargeBytes: 10_000,
    freshForMs: 1,
    now: () => 0,
  })
  const bytes = new Uint8Array(1_000_000).fill(7).subarray(10, 40)
  cache.set('a', { ...rendition(0), bytes })
  const kept = cache.get('a')?.rendition.bytes
  expect(kept).toEqual(new Uint8Array(30).fill(7))
  expect(kept?.buffer.byteLength).toBe(30)
})

it('does not keep a rendition larger than the entry limit', () => {
  const cache = createRenditionCache({
    maxBytes: 100_000,
    maxEntryBytes: 5000,
    maxLargeBytes: 10_000,
    freshForMs: 1,
    now: () => 0,
  })
  cache.set('fits', rendition(5000))
  cache.set('large', rendition(6000))
  expect([cache.get('fits') !== undefined, cache.get('large') !== undefined]).toEqual([true, false])
})

it('reports when an entry must be revalidated against the store', () => {
  let now = 0
  const cache = createRenditionCache({
    maxBytes: 10_000,
    maxEntryBytes: 5000,
    maxLargeBytes: 1,
    freshForMs: 100,
    now: () => now,
  })
  cache.set('a', rendition(10))
  now = 99
  expect(cache.get('a')?.fresh).toBe(true)
  now = 100
  expect(cache.get('a')?.fresh).toBe(false)
  cache.set('a', rendition(10))
  expect(cache.get('a')?.fresh).toBe(true)
})

it('keeps nothing with a limit of 0 bytes', () => {
  const cache = createRenditionCache({
    maxBytes: 0,
    maxEntryBytes: 5000,
    maxLargeBytes: 10_000,
    freshForMs: 1,
    now: () => 0,
  })
  cache.set('a', rendition(0))
  expect(cache.get('a')).toBeUndefined()
})

it('keeps a large rendition while it is requested, and only a few of them', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  // lru-cache treats an entry whose start time is 0 as one without a TTL.
  let now = 1
  const pass = (milliseconds: number) => {
    now += milliseconds
    vi.advanceTimersByTime(milliseconds)
  }
  const sizes = { maxBytes: 100_000, maxEntryBytes: 1000, maxLargeBytes: 20_000 }
  const cache = createRenditionCache({ ...sizes, freshForMs: 1, now: () => now })
  cache.set('clip', rendition(8000))
  for (let seconds = 0; seconds < 200; seconds += 50) {
    pass(50_000)
    expect(cache.get('clip')?.rendition.bytes.length).toBe(8000)
  }
  expect(cache.bytes).toBeGreaterThan(8000)
  pass(80_000)
  expect([cache.bytes, cache.get('clip')?.fresh]).toEqual([0, undefined])
  for (const name of ['one', 'two', 'three']) cache.set(name, rendition(8000))
  expect([cache.get('one')?.fresh, cache.get('three')?.rendition.bytes.length]).toEqual([undefined, 8000])
  expect(cache.purge(['avatars/1/a'])).toBe(2)
  vi.useRealTimers()
})
