/** What every benchmark needs: work that is interleaved round by round, and ratios that survive a noisy machine. */

export interface Contender {
  readonly name: string
  /** Does `units` of work and resolves when all is done. */
  readonly run: (units: number, round: number) => Promise<void>
}

/** A line of the result. */
export interface BenchRow {
  readonly name: string
  readonly value: number
  readonly unit: 'times' | 's' | 'ms' | 'KiB' | 'MiB' | 'per second' | 'count'
  /** What the value has to stay below, or above. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number }
  /** What the value is made of. */
  readonly note?: string
}

export interface PairOptions {
  readonly bench: string
  readonly subject: Contender
  readonly baseline: Contender
  readonly units: number
  readonly rounds: number
  /** What the subject's throughput has to be of the baseline's, at least. */
  readonly atLeast: number
}

/** Runs both in turn, round by round, and compares their throughput. One round before them is not counted. */
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

/** On a terminal only: where a log is kept, a line for each round would be the log. */
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

/** Does a piece of work `count` times, `concurrency` at a time. */
export function inFlight(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  return inFlightWhile((index) => index < count, concurrency, work)
}

/** Does a piece of work again and again, `concurrency` at a time, as long as `goesOn` says so of the next one. */
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
