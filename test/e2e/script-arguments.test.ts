/** Commands without arguments: they print their usage on request, and start nothing then. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '../../scripts', script), ...args], {
    encoding: 'utf8',
  })

it.each(['start.ts', 'start-origin.ts'])('%s prints its usage', (script) => {
  for (const args of [['--help'], ['--', '-h']]) {
    const { status, stdout } = run(script, ...args)
    expect([status, stdout]).toEqual([0, expect.stringContaining('MEDIA_PROXY_PORT')])
  }
})

it.each(['start.ts', 'start-origin.ts'])('%s rejects unknown arguments', (script) => {
  const { status, stderr } = run(script, '--prot', '8081')
  expect([status, stderr]).toEqual([2, expect.stringContaining('--prot 8081')])
})
