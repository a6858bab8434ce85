/**
 * What a request costs at the edge, as `test/edge/costs.test.ts` counts it, and what the platform asks for it. The table of
 * docs/operations.md is made of this, and the playground tells the price of what it shows.
 */

/** What a request has made that is paid for beside itself. */
export interface Charges {
  readonly durableObjects: number
  readonly rows: number
  /** Lines of the log, each with its data point, that are written of every such request. */
  readonly lines: number
}

/** With the template's limits: the platform counts, or the ledger does. */
export interface EdgeCost {
  readonly name: string
  readonly platform: Charges
  readonly ledger: Charges
}

/** Share of the ordinary answers that are told of in production. */
export const ORDINARY_LOG_RATIO = 0.01

/** `slow`: what the origin takes longer for than 100 ms, so that a coordinator joins those that ask together. */
export const EDGE_COSTS: readonly EdgeCost[] = [
  row('hit', [0, 1]),
  row('range of what is kept', [0, 1]),
  row('miss, quick', [1, 1]),
  row('miss, slow', [2, 2]),
  row('missing object', [1, 1]),
  row('purge', [1, 2], { rows: 1, lines: 1 }),
]

function row(
  name: string,
  [platform, ledger]: readonly [platform: number, ledger: number],
  rest: Omit<Charges, 'durableObjects'> = { rows: 0, lines: 0 },
): EdgeCost {
  return {
    name,
    platform: { durableObjects: platform, ...rest },
    ledger: { durableObjects: ledger, ...rest },
  }
}

/** Dollars a million beyond what is included, from the price lists of Workers' paid plan (2026). */
const PRICES = {
  workerRequest: 0.3,
  durableObjectRequest: 0.15,
  rowWritten: 1,
  logLine: 0.6,
  dataPoint: 0.25,
}

/** Dollars a million of such requests. */
export function priceOf({ durableObjects, rows, lines }: Charges): number {
  return (
    PRICES.workerRequest +
    durableObjects * PRICES.durableObjectRequest +
    rows * PRICES.rowWritten +
    Math.max(lines, ORDINARY_LOG_RATIO) * (PRICES.logLine + PRICES.dataPoint)
  )
}
