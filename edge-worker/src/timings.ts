/** The stages of one request, for `Server-Timing`. Between I/O the platform's clock stands still. */
export interface Timings {
  /** Runs a stage and remembers how long it took. */
  measure<T>(stage: string, work: () => Promise<T>): Promise<T>
  /** Passes on what the origin tells of the work of its engine. */
  adopt(serverTiming: string | null): void
  /** The value of `Server-Timing`, durations in milliseconds. */
  header(): string
  totalMs(): number
}

/** `now` in milliseconds. */
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
