import type { Job, Ready, ResultSent } from '../jobs.ts'

/** What a role of the engine can do. */
export interface Workshop {
  readonly ready: Omit<Ready, 'cpuSeconds'>
  /** Does a job. Expected failures are its result; what it throws ends the process. */
  work(job: Job, body: Uint8Array): Promise<Work>
  /** There is no job for now: what is kept for the next one is given back. */
  rest(): void
}

export interface Work {
  readonly result: ResultSent<Job['kind']>
  readonly body?: Uint8Array
}
