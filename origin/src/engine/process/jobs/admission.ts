/** Decides whether a job continues once its header has been read. */

import type { Cost, Deferred } from '../../jobs.ts'

export interface Admission {
  /** The cost that was admitted before the header was read. */
  readonly allowance: Cost
  /**
   * Reports to the server that the header has been read, and the predicted cost of a job that takes longer
   * than a header may.
   */
  readonly reportCost: (cost: Cost) => void
}

/** What a job reports to the server while it runs. */
export interface Reports {
  readonly reportCost: (cost: Cost) => void
  /** Reports the progress of a long job, from 0 to 1. */
  readonly reportProgress: (share: number) => void
}

/** Returns the cost that the server has to admit first. Undefined when the job may continue. */
export function deferralOf(cost: Cost, { allowance, reportCost }: Admission): Deferred | undefined {
  if (cost.memoryBytes > allowance.memoryBytes || cost.cpuSeconds > allowance.cpuSeconds)
    return { kind: 'deferred', cost }
  reportCost(cost)
  return undefined
}
