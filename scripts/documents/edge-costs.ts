/**
 * What a request costs at the edge, as `test/edge/costs.test.ts` counts it, and what the platform asks for it. The table of
 * docs/operations.md is made of this.
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

const HEADINGS = ['DO requests', 'rows', 'a million']

/** Padded as the formatter of the documents pads it. */
export function edgeCostsTable(): string {
  const cells = ({ durableObjects, rows }: EdgeCost['platform']) => [
    String(durableObjects),
    String(rows),
    `$${priceOf({ durableObjects, rows }).toFixed(2)}`,
  ]
  const [first = '', ...rest] = HEADINGS
  const table = [
    ['at the edge', ...HEADINGS, `with \`ledger\`: ${first}`, ...rest],
    ...EDGE_COSTS.map(({ name, platform, ledger }) => [name, ...cells(platform), ...cells(ledger)]),
  ]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  const lineOf = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = table
  return [lineOf(head), lineOf(widths.map((width) => '-'.repeat(width))), ...body.map(lineOf)].join('\n')
}
