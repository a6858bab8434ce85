import { describe, expect, it } from 'vitest'
import type { Purges } from './purge-log.ts'
import { createPurgeMemory, createPurgeReader } from './purge-reader.ts'

const HOUR_MS = 3_600_000

/** Creates a reader on a fake log whose reads are resolved one by one. */
function isolate(purges: Purges) {
  const readings: PromiseWithResolvers<Purges>[] = []
  let nowMs = 10 * HOUR_MS
  const failures: unknown[] = []
  const log = {
    read() {
      const reading = Promise.withResolvers<Purges>()
      readings.push(reading)
      return reading.promise
    },
    add: async () => purges,
  }
  const reader = createPurgeReader({
    namespace: { idFromName: () => ({}), get: () => log } as never,
    memory: createPurgeMemory(),
    originMemoryMs: 1000,
    now: () => nowMs,
    onFailure: (error) => failures.push(error),
  })
  const pass = (milliseconds: number) => {
    nowMs += milliseconds
    return nowMs
  }
  return { reader, readings, failures, pass }
}

const PURGED: Purges = { floor: 5, names: { a: 9 * HOUR_MS } }

describe('the purge log in an isolate', () => {
  it('is read by every request until it was read once', async () => {
    const { reader, readings } = isolate(PURGED)
    const asked = ['a', 'a', 'b'].map((name) => reader.purgedAt(name))
    expect(readings).toHaveLength(3)
    for (const reading of readings) reading.resolve(PURGED)
    // An origin that did not receive the purge serves from memory for one more second.
    expect(await Promise.all(asked)).toEqual([9 * HOUR_MS + 1000, 9 * HOUR_MS + 1000, 5])
    expect(await reader.purgedAt('a')).toBe(9 * HOUR_MS + 1000)
    expect(readings).toHaveLength(3)
  })

  it('is read again after ten seconds, by one request, while the others use the known state', async () => {
    const { reader, readings, pass } = isolate(PURGED)
    const first = reader.purgedAt('a')
    readings[0]?.resolve({ floor: 0, names: {} })
    expect(await first).toBe(0)
    pass(10_000)
    const [late, meanwhile] = [reader.purgedAt('a'), reader.purgedAt('a')]
    expect(await meanwhile).toBe(0)
    readings[1]?.resolve(PURGED)
    expect(await late).toBe(9 * HOUR_MS + 1000)
    expect(readings).toHaveLength(2)
  })

  it('invalidates all older copies while it could not be read, and is then read again', async () => {
    const { reader, readings, failures, pass } = isolate(PURGED)
    const start = pass(0)
    const first = reader.purgedAt('b')
    readings[0]?.reject(new Error('not now'))
    expect(await first).toBe(start)
    expect(failures).toHaveLength(1)
    pass(1000)
    expect(await reader.purgedAt('b')).toBe(start)
    pass(10_000)
    const again = reader.purgedAt('b')
    readings[1]?.resolve(PURGED)
    expect(await again).toBe(5)
  })

  it('keeps the known state when it can no longer be read', async () => {
    const { reader, readings, pass } = isolate(PURGED)
    const first = reader.purgedAt('a')
    readings[0]?.resolve(PURGED)
    await first
    pass(20_000)
    const again = reader.purgedAt('a')
    readings[1]?.reject(new Error('not now'))
    expect(await again).toBe(9 * HOUR_MS + 1000)
  })
})
