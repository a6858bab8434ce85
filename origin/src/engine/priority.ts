/**
 * Who gets a processor first where there are too few: the thread that answers, then pictures, then scans and videos.
 * Without it an answer that takes no time at all, such as a refusal, waits behind the renders. By niceness: each step
 * less is about a quarter more of a processor (sched(7)).
 */

import { readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/** Steps of niceness beyond that of the thread that answers. */
export const PRIORITIES = { renders: 5, scans: 10, children: 15 } as const

const POOL_THREAD_NAME = 'libuv-worker'

/** Has the threads of libuv's pool give way, and those that a render starts from them; gives their number. */
export function lowerPoolPriority(): number {
  return poolThreads().filter((id) => lowerPriority(id, PRIORITIES.renders)).length
}

/** Has the calling thread give way, and those that it starts from now on. */
export function lowerOwnPriority(steps: number): void {
  // On other systems a priority is that of the whole process.
  if (process.platform === 'linux') lowerPriority(0, steps)
}

/** Gives whether it could be done: the process may have ended, or the system may not allow it. */
export function lowerPriority(id: number, steps: number): boolean {
  try {
    setPriority(id, Math.min(getPriority(process.pid) + steps, constants.priority.PRIORITY_LOW))
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return false
  }
}

/** Linux keeps a niceness for each thread, and lists threads by their ids. */
function poolThreads(): readonly number[] {
  const folder = '/proc/self/task'
  try {
    return readdirSync(folder)
      .filter((id) => readFileSync(`${folder}/${id}/comm`, 'latin1').trim() === POOL_THREAD_NAME)
      .map(Number)
  } catch {
    // No such folder, as on other systems: all threads stay equal.
    return []
  }
}
