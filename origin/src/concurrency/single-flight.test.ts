import { describe, expect, it } from 'vitest'
import { createSingleFlight } from './single-flight.ts'

describe('single flight', () => {
  it('runs concurrent calls with the same key once', async () => {
    const flight = createSingleFlight<number>()
    let starts = 0
    const start = async () => {
      starts += 1
      return 7
    }
    const handles = Array.from({ length: 100 }, () => flight.join('key', start))
    expect(await Promise.all(handles.map((handle) => handle.value))).toEqual(new Array(100).fill(7))
    expect(handles.filter((handle) => handle.leader)).toHaveLength(1)
    expect(starts).toBe(1)
    for (const handle of handles) handle.release()
    expect(flight.size).toBe(0)
  })

  it('continues while one caller waits, and is cancelled when the last one leaves', () => {
    const flight = createSingleFlight<never>()
    let cancelled = false
    const start = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        cancelled = true
      })
      return new Promise<never>(() => undefined)
    }
    const first = flight.join('key', start)
    const second = flight.join('key', start)
    first.release()
    first.release()
    expect(cancelled).toBe(false)
    second.release()
    expect(cancelled).toBe(true)
  })

  it('lets no caller join a cancelled call', async () => {
    const flight = createSingleFlight<number>()
    flight.join('key', () => new Promise<number>(() => undefined)).release()
    const next = flight.join('key', async () => 2)
    expect(next.leader).toBe(true)
    expect(await next.value).toBe(2)
  })

  it('shares an error with the waiting callers, and does not keep it', async () => {
    const flight = createSingleFlight<number>()
    const fails = () => Promise.reject(new Error('no'))
    const handles = [flight.join('key', fails), flight.join('key', fails)]
    for (const handle of handles) await expect(handle.value).rejects.toThrow('no')
    for (const handle of handles) handle.release()
    expect(await flight.join('key', async () => 1).value).toBe(1)
  })
})
