/** Ends a process whose job takes too much, too long, or works for nobody. */

import type { EngineProcess } from './engine-process.ts'
import type { Cost } from './jobs.ts'

export interface Watch {
  /** Tells of a predicted cost: the process gets the time for it. */
  readonly extend: (cost: Cost) => void
  end(): void
}

/** How much longer than predicted a job may take. */
const CPU_MARGIN = 2
/** A job that nobody waits for any more is ended where it would take longer than to start a process. */
const RESTART_COST_MS = 150
const LEAST_CHECK_MS = 50

/**
 * Watches a process until its job ends: at the limit of processor time, at the deadline of `signal` (its reason is a
 * `TimeoutError`), or soon after the last caller left. Processor time, and not time on the wall, is what a source is
 * measured by: on a busy machine everything takes long.
 */
export function watchOver(process: EngineProcess, signal: AbortSignal, headerCpuSeconds: number): Watch {
  const startedAt = performance.now()
  let limitSeconds = headerCpuSeconds
  let timer: NodeJS.Timeout | undefined
  const check = () => {
    const used = process.cpuSeconds() ?? (performance.now() - startedAt) / 1000
    if (used >= limitSeconds) process.kill('cpu')
    else arm(limitSeconds - used)
  }
  const arm = (seconds: number) => {
    timer = setTimeout(check, Math.max(LEAST_CHECK_MS, seconds * 1000))
    timer.unref()
  }
  const onAbort = () => {
    const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
    const left = timedOut ? 0 : RESTART_COST_MS - (performance.now() - startedAt)
    clearTimeout(timer)
    if (left <= 0) process.kill(timedOut ? 'deadline' : 'abandoned')
    else timer = setTimeout(() => process.kill('abandoned'), left)
  }
  arm(limitSeconds)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    extend(cost) {
      // What comes after the larger part of a job is told, too.
      limitSeconds = Math.max(limitSeconds, CPU_MARGIN * cost.cpuSeconds)
    },
    end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
