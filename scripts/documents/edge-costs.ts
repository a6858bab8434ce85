/** Generates the table in docs/operations.md of what requests cost at the edge. */

import {
  type BilledOperations,
  EDGE_COSTS,
  ORDINARY_LOG_RATIO,
  priceOf,
} from '@media-proxy/shared/edge-costs.ts'

const HEADINGS = ['DO requests', 'rows', 'log lines', 'a million']

/** Returns the table, padded in the same way as by the formatter of the documents. */
export function edgeCostsTable(): string {
  const cells = (charges: BilledOperations) => [
    String(charges.durableObjects),
    String(charges.rows),
    String(Math.max(charges.lines, ORDINARY_LOG_RATIO)),
    `$${priceOf(charges).toFixed(2)}`,
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
