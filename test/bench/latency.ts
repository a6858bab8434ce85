/** Latencies of requests, and their summary. */

import type { BenchRow } from './measure.ts'

export interface Sample {
  readonly status: number
  readonly milliseconds: number
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Formats the median, p95 and p99 of latencies as one note. */
export function formatLatencies(milliseconds: readonly number[]): string {
  const [half, tail, far] = [0.5, 0.95, 0.99].map((share) => percentile(milliseconds, share).toFixed(0))
  return `p50 ${half} ms, p95 ${tail} ms, p99 ${far} ms`
}

/** Returns a row with the requests per second and their latencies. */
export function rateRow(name: string, samples: readonly Sample[], seconds: number): BenchRow {
  const answered = samples.filter(({ status }) => status === 200)
  return {
    name,
    value: answered.length / seconds,
    unit: 'per second',
    note: formatLatencies(answered.map(({ milliseconds }) => milliseconds)),
  }
}
