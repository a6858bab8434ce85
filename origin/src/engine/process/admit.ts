/** Whether a job goes on once its header is read. */

import type { Cost, Deferred } from '../jobs.ts'

export interface Admission {
  /** What was admitted before the header was read. */
  readonly allowance: Cost
  /** Tells the server that the header is read, and of a job that takes longer than that may. */
  readonly tellCost: (cost: Cost) => void
}

/** What the server is told while a job runs. */
export interface Reports {
  readonly tellCost: (cost: Cost) => void
  /** How much of a long job is done, from 0 to 1. */
  readonly tellProgress: (share: number) => void
}

/** Gives what the server has to admit first; undefined where the job may go on. */
export function admit(cost: Cost, { allowance, tellCost }: Admission): Deferred | undefined {
  if (cost.memoryBytes > allowance.memoryBytes || cost.cpuSeconds > allowance.cpuSeconds)
    return { kind: 'deferred', cost }
  tellCost(cost)
  return undefined
}
