/** The stages of one request, for `Server-Timing`. The platform's clock advances only with I/O. */
export interface Timings {
  /** Runs a stage and records its duration. */
  measure<T>(stage: string, work: () => Promise<T>): Promise<T>
  /** Adds the engine's CPU time from the origin's `Server-Timing`. */
  adopt(serverTiming: string | null): void
  /** Returns the value of `Server-Timing`, with durations in milliseconds. */
  header(): string
  totalMs(): number
}

/** Creates the timings of a request. `now` returns milliseconds. */
export function createTimings(now: () => number): Timings {
  const startedAt = now()
  const stages: string[] = []
  return {
    async measure(stage, work) {
      const from = now()
      try {
        return await work()
      } finally {
        stages.push(`${stage};dur=${now() - from}`)
      }
    },
    adopt(serverTiming) {
      stages.push(...(serverTiming?.match(/\brender-cpu;dur=[\d.]+/g) ?? []))
    },
    header: () => [...stages, `total;dur=${now() - startedAt}`].join(', '),
    totalMs: () => now() - startedAt,
  }
}
