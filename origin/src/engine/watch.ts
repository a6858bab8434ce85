/** Ends a process whose job takes too much CPU time, exceeds its deadline, or has no caller left. */

import type { EngineProcess } from './engine-process.ts'
import type { JobClass } from './job-classes.ts'
import type { Cost } from './jobs.ts'

export interface Watch {
  /** Raises the limit of CPU time to a predicted cost. */
  readonly extend: (cost: Cost) => void
  end(): void
}

/**
 * A job without callers is ended once it has run this long, which is the cost of starting a new process. A
 * shorter job runs to its end.
 */
const RESTART_COST_MS = 150
const MIN_CHECK_MS = 50

/**
 * Watches a process until its job ends. Kills it at the limit of CPU time, at the deadline of `signal` (whose
 * reason is then a `TimeoutError`), or soon after the last caller has left. The limit is CPU time instead of
 * elapsed time, because on a busy machine every job takes long.
 */
export function watchOver(
  process: EngineProcess,
  signal: AbortSignal,
  { headerCpuSeconds, cpuMargin }: Pick<JobClass, 'headerCpuSeconds' | 'cpuMargin'>,
): Watch {
  const startedAt = performance.now()
  let limitSeconds = headerCpuSeconds
  let timer: NodeJS.Timeout | undefined
  const check = () => {
    const used = process.cpuSeconds() ?? (performance.now() - startedAt) / 1000
    if (used >= limitSeconds) process.kill('cpu')
    else arm(limitSeconds - used)
  }
  const arm = (seconds: number) => {
    timer = setTimeout(check, Math.max(MIN_CHECK_MS, seconds * 1000))
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
      // A job may report the cost of a later stage too, so the larger limit is kept.
      limitSeconds = Math.max(limitSeconds, cpuMargin * cost.cpuSeconds)
    },
    end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
