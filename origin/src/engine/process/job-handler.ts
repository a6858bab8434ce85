import type { Job, Ready, ResultSent } from '../jobs.ts'

/** The jobs that a role of the engine can run. */
export interface JobHandler {
  readonly ready: Omit<Ready, 'cpuSeconds'>
  /** Runs a job. Expected failures are returned as its result; an exception ends the process. */
  work(job: Job, body: Uint8Array): Promise<JobResponse>
  /** Called when no job is pending: releases what is kept for the next one. */
  releaseMemory(): void
}

export interface JobResponse {
  readonly result: ResultSent<Job['kind']>
  readonly body?: Uint8Array
}
