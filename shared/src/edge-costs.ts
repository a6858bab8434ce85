/**
 * The cost of requests at the edge: the operations that `test/edge/costs.test.ts` counts, and their prices.
 * The table in docs/operations.md is generated from this, and the playground shows the price of what it
 * displays.
 */

/** The billed operations of a request, in addition to the request itself. */
export interface BilledOperations {
  readonly durableObjects: number
  readonly rows: number
  /** Log records, each with its data point, that are written for every such request. */
  readonly lines: number
}

/** The costs with the rate limits of the template, counted by the platform or by the ledger. */
export interface EdgeCost {
  readonly name: string
  readonly platform: BilledOperations
  readonly ledger: BilledOperations
}

/** The share of ordinary responses that are logged in production. */
export const ORDINARY_LOG_RATIO = 0.01

/**
 * In a slow miss, the origin takes longer than 100 ms, so that a coordinator coalesces concurrent requests.
 */
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
  rest: Omit<BilledOperations, 'durableObjects'> = { rows: 0, lines: 0 },
): EdgeCost {
  return {
    name,
    platform: { durableObjects: platform, ...rest },
    ledger: { durableObjects: ledger, ...rest },
  }
}

/** Dollars per million beyond the included amount, from the price lists of the Workers paid plan (2026). */
const PRICES = {
  workerRequest: 0.3,
  durableObjectRequest: 0.15,
  rowWritten: 1,
  logLine: 0.6,
  dataPoint: 0.25,
}

/** Returns the price of a million requests, in dollars. */
export function priceOf({ durableObjects, rows, lines }: BilledOperations): number {
  return (
    PRICES.workerRequest +
    durableObjects * PRICES.durableObjectRequest +
    rows * PRICES.rowWritten +
    Math.max(lines, ORDINARY_LOG_RATIO) * (PRICES.logLine + PRICES.dataPoint)
  )
}
