/**
 * How long tests wait. A limit says what a machine at rest needs many times over; where this one is slower, or busy
 * with other work, every limit grows with it. `TEST_PATIENCE` sets the factor; a run measures it once, and passes it
 * on to the processes of its tests.
 */

import { spawnSync } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'

const VARIABLE = 'TEST_PATIENCE'
const MOST = 10
/** Of the engine's ordinary processes. */
const NICENESS = 5
/** What the piece of work takes on a machine that has nothing else to do. */
const WORK_MS = 80

/** Sets the factor for this process and for those that it starts. */
export function measurePatience(): void {
  if (process.env[VARIABLE] !== undefined) return
  const load = loadavg()[0] ?? 0
  // The load is an average of a minute: what has begun just now is felt by work alone.
  const busy = Math.max(1, workMs() / WORK_MS, load / availableParallelism())
  // Twice what is beyond rest: the tests and their processes are themselves among those that share the machine.
  process.env[VARIABLE] = Math.min(MOST, 1 + 2 * (busy - 1)).toFixed(1)
}

/** A limit in milliseconds for a machine at rest, as this machine needs it. Outside of a test run it stays as it is. */
export function patient(milliseconds: number): number {
  return Math.round(milliseconds * Number(process.env[VARIABLE] ?? 1))
}

/**
 * A piece of work at the priority of the engine's processes, which get a third of what others get where all want
 * more than there is.
 */
function workMs(): number {
  const { stdout } = spawnSync('nice', ['-n', String(NICENESS), process.execPath, '-e', `(${work})()`])
  return Number(stdout ?? 0)
}

/** Runs by itself, as text. */
function work(): void {
  const startedAt = performance.now()
  let value = 1
  for (let step = 0; step < 60_000_000; step += 1) value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0
  // Looked at, so that the loop is not optimised away.
  process.stdout.write(String(value === 0 ? 0 : performance.now() - startedAt))
}
