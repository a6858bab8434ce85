/** `pnpm bench [suite ...]`: runs the named suites, or all without a name, prints a table and writes JSON. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchAttack } from './attack.ts'
import { benchCost } from './cost.ts'
import { benchEdge } from './edge.ts'
import { benchHostile } from './hostile.ts'
import { benchImages } from './images.ts'
import { benchLoad } from './load.ts'
import type { BenchRow } from './measure.ts'
import { benchMedia } from './media.ts'
import { benchNsfw } from './nsfw.ts'
import { benchOverhead } from './overhead.ts'
import { benchPeers } from './peers.ts'
import { benchQuality } from './quality.ts'
import { benchScaling } from './scaling.ts'
import { benchSizes } from './sizes.ts'
import { benchSoak } from './soak.ts'
import { benchStart } from './start.ts'

const SUITES: Readonly<Record<string, () => Promise<readonly BenchRow[]>>> = {
  attack: benchAttack,
  images: benchImages,
  overhead: benchOverhead,
  media: benchMedia,
  nsfw: benchNsfw,
  edge: benchEdge,
  start: benchStart,
  load: benchLoad,
  scaling: benchScaling,
  sizes: benchSizes,
}

/** These run only when they are named, because they take minutes. */
const LONG_SUITES: typeof SUITES = {
  soak: benchSoak,
  cost: benchCost,
  quality: benchQuality,
  hostile: benchHostile,
}

const { positionals: wanted, values } = parseArgs({
  allowPositionals: true,
  options: { peer: { type: 'string', multiple: true, default: [] }, folder: { type: 'string' } },
})
const all = {
  ...SUITES,
  ...LONG_SUITES,
  peers: () => benchPeers({ peers: values.peer, folder: values.folder }),
}
const unknown = wanted.filter((name) => !Object.hasOwn(all, name))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are: ${Object.keys(all).join(', ')}.`)
  process.exit(1)
}

const rows: BenchRow[] = []
for (const [name, run] of Object.entries(wanted.length === 0 ? SUITES : all)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`running ${name} …`)
  rows.push(...(await run()))
}

console.table(
  rows.map(({ name, value, unit, target, note }) => ({
    name,
    value: `${format(value)} ${unit}`,
    target: target === undefined ? '' : formatTarget(target),
    reached:
      target === undefined ? '' : 'atMost' in target ? value <= target.atMost : value >= target.atLeast,
    note: note ?? '',
  })),
)
const folder = join(import.meta.dirname, '../../bench-results')
mkdirSync(folder, { recursive: true })
const file = join(folder, `${wanted.length === 0 ? 'all' : wanted.join('-')}.json`)
const machine = {
  processor: cpus()[0]?.model,
  cores: availableParallelism(),
  arch: arch(),
  node: process.version,
}
writeFileSync(file, `${JSON.stringify({ machine, rows }, null, 2)}\n`)
console.log(`written to ${file}`)

function formatTarget(target: NonNullable<BenchRow['target']>): string {
  return 'atMost' in target ? `at most ${target.atMost}` : `at least ${target.atLeast}`
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
