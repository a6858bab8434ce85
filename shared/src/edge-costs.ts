/**
 * What a request costs at the edge, as `test/edge/costs.test.ts` counts it, and what the platform asks for it. The table of
 * docs/operations.md is made of this, and the playground tells the price of what it shows.
 */

/** Requests to Durable Objects and rows written, with the template's limits: the platform counts, or the ledger does. */
export interface EdgeCost {
  readonly name: string
  readonly platform: { readonly durableObjects: number; readonly rows: number }
  readonly ledger: { readonly durableObjects: number; readonly rows: number }
}

/** `slow`: what the origin takes longer for than 100 ms, so that a coordinator joins those that ask together. */
export const EDGE_COSTS: readonly EdgeCost[] = [
  { name: 'hit', platform: { durableObjects: 0, rows: 0 }, ledger: { durableObjects: 1, rows: 0 } },
  {
    name: 'range of what is kept',
    platform: { durableObjects: 0, rows: 0 },
    ledger: { durableObjects: 1, rows: 0 },
  },
  { name: 'miss, quick', platform: { durableObjects: 1, rows: 0 }, ledger: { durableObjects: 1, rows: 0 } },
  { name: 'miss, slow', platform: { durableObjects: 2, rows: 0 }, ledger: { durableObjects: 2, rows: 0 } },
  {
    name: 'missing object',
    platform: { durableObjects: 1, rows: 0 },
    ledger: { durableObjects: 1, rows: 0 },
  },
  { name: 'purge', platform: { durableObjects: 1, rows: 1 }, ledger: { durableObjects: 2, rows: 1 } },
]

/** Dollars a million, from the price list of Workers' paid plan (2026). */
const PRICES = { workerRequest: 0.3, durableObjectRequest: 0.15, rowWritten: 1 }

/** Dollars a million of such requests. */
export function priceOf({ durableObjects, rows }: EdgeCost['platform']): number {
  return PRICES.workerRequest + durableObjects * PRICES.durableObjectRequest + rows * PRICES.rowWritten
}
