/**
 * Common parts of all benchmarks: contenders that alternate
 * in rounds, and ratios that are robust on a noisy machine.
 */

export interface Contender {
  readonly name: string
  /** Does `units` of work and resolves when all is done. */
  readonly run: (units: number, round: number) => Promise<void>
}

/** A row of the result. */
export interface BenchRow {
  readonly name: string
  readonly value: number
  readonly unit: 'times' | 's' | 'ms' | 'KiB' | 'MiB' | 'per second' | 'count'
  /** The bound on the value. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number }
  /** Details of the value. */
  readonly note?: string
}

export interface PairOptions {
  readonly bench: string
  readonly subject: Contender
  readonly baseline: Contender
  readonly units: number
  readonly rounds: number
  /** The minimum ratio of the subject's throughput to that of the baseline. */
  readonly atLeast: number
}

/**
 * Runs both contenders alternately in rounds, and compares their throughput. The first round is a warm-up.
 */
export async function comparePair(options: PairOptions): Promise<BenchRow> {
  const { bench, subject, baseline, units, rounds, atLeast } = options
  const subjectRates: number[] = []
  const baselineRates: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    showRound(bench, round, rounds)
    const baselineRate = await rateOf(baseline, units, round)
    const subjectRate = await rateOf(subject, units, round)
    if (round === 0) continue
    baselineRates.push(baselineRate)
    subjectRates.push(subjectRate)
  }
  return {
    name: `${bench}: ${subject.name} to ${baseline.name}`,
    value: median(subjectRates.map((rate, index) => rate / (baselineRates[index] ?? Number.NaN))),
    unit: 'times',
    target: { atLeast },
    note: `${median(subjectRates).toFixed(1)} to ${median(baselineRates).toFixed(1)} per second`,
  }
}

/** Shows the progress on a terminal only. In a stored log, it would be most of the output. */
function showRound(bench: string, round: number, rounds: number): void {
  if (!process.stderr.isTTY) return
  process.stderr.write(`\r\u001b[K${bench}: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`)
  if (round === rounds) process.stderr.write('\r\u001b[K')
}

async function rateOf(contender: Contender, units: number, round: number): Promise<number> {
  const startedAt = performance.now()
  await contender.run(units, round)
  return units / ((performance.now() - startedAt) / 1000)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Runs a function `count` times, `concurrency` at a time. */
export function inFlight(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  return inFlightWhile((index) => index < count, concurrency, work)
}

/**
 * Runs a function repeatedly, `concurrency` at a time, as long as `goesOn` returns true for the next index.
 */
export async function inFlightWhile(
  goesOn: (index: number) => boolean,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; goesOn(index); index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}
