import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EngineProcess } from './engine-process.ts'
import type { Ready } from './jobs.ts'
import { createPool, type PoolOptions } from './pool.ts'
import type { ProcessEnd } from './process-end.ts'

const READY: Ready = { renderer: '', libav: null, cpuSeconds: 0 }

/** A process that is ready at once, and counts the calls of `releaseMemory`. */
function fakeProcess(pid: number): EngineProcess & { rests: number; sourceId: number | undefined } {
  const ended = Promise.withResolvers<ProcessEnd>()
  return {
    pid,
    alive: true,
    jobs: 0,
    bytes: 0,
    progress: undefined,
    sourceId: undefined,
    rests: 0,
    ready: Promise.resolve(READY),
    ended: ended.promise,
    run: () => Promise.reject(new Error('it runs nothing')),
    cpuSeconds: () => 0,
    releaseMemory() {
      this.rests += 1
    },
    kill: (reason) => ended.resolve({ cpuSeconds: 0, cause: { kind: 'killed', reason } }),
  }
}

describe('the pool', () => {
  const { signal } = new AbortController()
  let processes: ReturnType<typeof fakeProcess>[] = []
  const start = () => {
    const process = fakeProcess(processes.length + 1)
    processes.push(process)
    return process
  }
  const open = (options: Partial<PoolOptions> = {}) =>
    createPool({
      start,
      warm: 3,
      max: 3,
      idleMs: 60_000,
      onEnd: () => undefined,
      renewAfterJobs: 100,
      renewAfterBytes: 1e9,
      ...options,
    })

  beforeEach(() => {
    processes = []
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('prefers the process that had the source last, and then the process that worked last', async () => {
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

  it('replaces a process that hangs while it starts', async () => {
    const hanging = Promise.withResolvers<undefined>()
    const stuck: EngineProcess = {
      ...fakeProcess(1),
      ready: hanging.promise,
      ended: hanging.promise.then(() => ({ cpuSeconds: 0, cause: { kind: 'killed', reason: 'start' } })),
      kill: () => hanging.resolve(undefined),
    }
    const queue = [stuck]
    const pool = open({ warm: 1, max: 1, start: () => queue.shift() ?? start() })
    const taken = pool.take(signal)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pool.fault).toBe('not ready after 60000 ms')
    await vi.advanceTimersByTimeAsync(100)
    expect(await taken).toBe(processes[0])
    expect(pool.fault).toBeUndefined()
    await pool.close()
  })

  it('sends an idle process one rest message, a second after its last job', async () => {
    const pool = open()
    const process = await pool.take(signal)
    await vi.advanceTimersByTimeAsync(5000)
    const rests = () => processes.map((each) => each.rests)
    // The two processes without a job were put to rest after their start.
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

  it('continues when the system cannot start a process, reports the reason, and tries again', async () => {
    let rejections = 2
    const pool = open({
      start() {
        rejections -= 1
        if (rejections >= 0) throw new Error('spawn ENOMEM')
        return start()
      },
    })
    expect([pool.size, pool.fault]).toEqual([0, 'spawn ENOMEM'])
    const taken = pool.take(signal)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await taken).toBe(processes[0])
    expect([pool.size, pool.fault]).toEqual([3, undefined])
    await pool.close()
  })

  it('starts no process beyond the warm ones for a burst that is over soon', async () => {
    const pool = open({ warm: 2, max: 4 })
    await vi.advanceTimersByTimeAsync(0)
    for (let job = 0; job < 20; job += 1) {
      const burst = Promise.all([pool.take(signal), pool.take(signal)])
      const third = pool.take(signal)
      await vi.advanceTimersByTimeAsync(8)
      for (const process of await burst) if (process !== undefined) pool.release(process)
      const last = await third
      if (last !== undefined) pool.release(last)
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(pool.size).toBe(2)
    await pool.close()
  })

  it('starts a process for each job that waits longer, and one spare', async () => {
    const pool = open({ warm: 1, max: 5 })
    await vi.advanceTimersByTimeAsync(0)
    const jobs = [pool.take(signal), pool.take(signal), pool.take(signal)]
    await vi.advanceTimersByTimeAsync(100)
    expect(pool.size).toBe(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(new Set(await Promise.all(jobs)).size).toBe(3)
    expect(pool.size).toBe(4)
    await pool.close()
  })

  it('starts the first process of a pool without warm ones at once', async () => {
    const pool = open({ warm: 0 })
    expect(pool.size).toBe(0)
    expect(await pool.take(signal)).toBe(processes[0])
    await vi.advanceTimersByTimeAsync(1000)
    expect(pool.size).toBe(1)
    await pool.close()
  })

  it('replaces a warm process that was killed at once, also while the others have jobs', async () => {
    const pool = open({ warm: 2, max: 2 })
    const killed = await pool.take(signal)
    await pool.take(signal)
    killed?.kill('deadline')
    const next = pool.take(signal)
    await vi.advanceTimersByTimeAsync(0)
    expect(await next).toBe(processes[2])
    await pool.close()
  })

  it('ends the extra processes of a burst once each has been idle, whatever the others do', async () => {
    const pool = open({ warm: 1 })
    await vi.advanceTimersByTimeAsync(0)
    const burst = Promise.all([pool.take(signal), pool.take(signal), pool.take(signal)])
    await vi.advanceTimersByTimeAsync(1000)
    const taken = await burst
    for (const process of taken) if (process !== undefined) pool.release(process)
    expect(pool.size).toBe(3)
    for (let seconds = 0; seconds < 130; seconds += 9) {
      const process = await pool.take(signal)
      await vi.advanceTimersByTimeAsync(9000)
      if (process !== undefined) pool.release(process)
    }
    // One process has a job at a time, and one more is kept ready.
    expect(pool.size).toBeLessThanOrEqual(2)
    await pool.close()
  })
})
