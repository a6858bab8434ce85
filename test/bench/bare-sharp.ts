/**
 * Plain Sharp in a separate process, with the settings of the
 * service. The message `{ count }` renders that many times.
 */

import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { inFlight } from './measure.ts'
import { OVERHEAD_CASES } from './overhead-cases.ts'

sharp.concurrency(1)
sharp.cache(false)

const [file = '', name] = process.argv.slice(2)
const source = readFileSync(file)
const render = OVERHEAD_CASES.find((each) => each.name === name)?.bare
if (render === undefined) throw new Error(`there is no case ${name}`)

process.on('message', async ({ count }: { readonly count: number }) => {
  // The concurrency of the service on two cores.
  await inFlight(count, 2, () => render(source))
  process.send?.({ done: count })
})
process.send?.({ listening: 0 })
