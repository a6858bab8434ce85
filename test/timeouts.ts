/**
 * Scales the timeouts of tests. A timeout is many times what an idle machine needs. On a slower or busy
 * machine, all timeouts grow by a common factor. `TEST_TIMEOUT_FACTOR` sets the factor. Otherwise a run
 * measures it once and passes it on to the processes of its tests.
 */

import { spawnSync } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'

const VARIABLE = 'TEST_TIMEOUT_FACTOR'
const MOST = 10
/** The niceness of the ordinary engine processes. */
const NICENESS = 5
/** The duration of the measured work on an idle machine, in milliseconds. */
const WORK_MS = 80

/** Sets the factor for this process and its children. */
export function measureTimeoutFactor(): void {
  if (process.env[VARIABLE] !== undefined) return
  const load = loadavg()[0] ?? 0
  // The load is an average over a minute, so load that has just started shows only in the measured work.
  const busy = Math.max(1, workMs() / WORK_MS, load / availableParallelism())
  // The excess counts twice, because the tests and their processes add to the load themselves.
  process.env[VARIABLE] = Math.min(MOST, 1 + 2 * (busy - 1)).toFixed(1)
}

/**
 * Scales a timeout for an idle machine, in milliseconds, to this machine. Outside a test run it is unchanged.
 */
export function scaleTimeout(milliseconds: number): number {
  return Math.round(milliseconds * Number(process.env[VARIABLE] ?? 1))
}

/**
 * Measures work at the priority of the engine processes, which
 * get a third of the CPU time of others when all CPUs are busy.
 */
function workMs(): number {
  const { stdout } = spawnSync('nice', ['-n', String(NICENESS), process.execPath, '-e', `(${work})()`])
  return Number(stdout ?? 0)
}

/** Passed to another process as text, so it must not use anything from outside. */
function work(): void {
  const startedAt = performance.now()
  let value = 1
  for (let step = 0; step < 60_000_000; step += 1) value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0
  // The value is used, so that the loop is not optimised away.
  process.stdout.write(String(value === 0 ? 0 : performance.now() - startedAt))
}
