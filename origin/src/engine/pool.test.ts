import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EngineProcess, ProcessEnd } from './engine-process.ts'
import type { Ready } from './jobs.ts'
import { createPool } from './pool.ts'

const READY: Ready = { renderer: '', libav: null, cpuSeconds: 0 }

/** A process that is ready at once, and counts how often it was told to rest. */
function fakeProcess(pid: number): EngineProcess & { rests: number; sourceId: number | undefined } {
  const ended = Promise.withResolvers<ProcessEnd>()
  return {
    ...{ pid, alive: true, jobs: 0, bytes: 0, progress: undefined, sourceId: undefined, rests: 0 },
    ready: Promise.resolve(READY),
    ended: ended.promise,
    run: () => Promise.reject(new Error('it runs nothing')),
    cpuSeconds: () => 0,
    rest() {
      this.rests += 1
    },
    kill: (reason) => ended.resolve({ cpuSeconds: 0, cause: { kind: 'killed', reason } }),
  }
}

describe('a pool', () => {
  const { signal } = new AbortController()
  let processes: ReturnType<typeof fakeProcess>[] = []
  const start = () => {
    const process = fakeProcess(processes.length + 1)
    processes.push(process)
    return process
  }
  const open = () =>
    createPool({
      ...{ start, warm: 3, most: 3, idleMs: 60_000, onEnd: () => undefined },
      ...{ renewAfterJobs: 100, renewAfterBytes: 1e9 },
    })

  beforeEach(() => {
    processes = []
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('gives a source to the process that had it last, and else the process that worked last', async () => {
    const pool = open()
    const taken = [await pool.take(signal, 1), await pool.take(signal, 2), await pool.take(signal, 3)]
    for (const [at, process] of processes.entries()) {
      process.sourceId = [3, 2, 1].at(at)
      pool.release(process)
    }
    expect(new Set(taken).size).toBe(3)
    const [first, second, third] = processes
    expect(await pool.take(signal, 3)).toBe(first)
    expect(await pool.take(signal, 4)).toBe(third)
    expect(await pool.take(signal)).toBe(second)
    await pool.close()
  })

  it('tells a process once that there is nothing for it, a second after its last work', async () => {
    const pool = open()
    const process = await pool.take(signal)
    await vi.advanceTimersByTimeAsync(5000)
    const rests = () => processes.map((each) => each.rests)
    // The two that never worked have rested since they were started.
    expect(rests().toSorted()).toEqual([0, 1, 1])
    if (process === undefined) throw new Error('there is no process')
    pool.release(process)
    await vi.advanceTimersByTimeAsync(900)
    expect(rests().toSorted()).toEqual([0, 1, 1])
    await vi.advanceTimersByTimeAsync(5000)
    expect(rests()).toEqual([1, 1, 1])
    expect(await pool.take(signal)).toBe(process)
    await vi.advanceTimersByTimeAsync(5000)
    expect(rests()).toEqual([1, 1, 1])
    await pool.close()
  })
})
