/** What a service must not keep after a fault. */

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { expect } from 'vitest'
import { lookAt, type ProcessLook } from '../bench/process-look.ts'
import { patient } from '../patience.ts'
import { until } from '../until.ts'

/** Files, children and memory of another process are told by Linux alone. */
export const HAS_PROC = existsSync('/proc/self/task')

/** The library and its caches grow while they warm up; a leak of what these tests move is far more. */
const MAX_GROWTH_MIB = 150

/** What a process holds that has nothing to do: no child, and no socket that is still closing. */
export async function lookAtRest(pid: number): Promise<ProcessLook> {
  let last = lookAt(pid)
  let since = performance.now()
  const restMs = patient(REST_MS)
  await until(() => {
    const look = lookAt(pid)
    if (look.files !== last.files || look.children > 0) since = performance.now()
    last = look
    return performance.now() - since > restMs
  })
  return last
}

const REST_MS = 100

/** Passes once the process holds no more than it did, and its folder of temporary files nothing. */
export async function expectNothingKept(
  pid: number,
  before: ProcessLook,
  temporaryFolder?: string,
): Promise<void> {
  // That time is over is no failure yet: what is looked at below says what was kept.
  await until(() => {
    const { files, children } = lookAt(pid)
    return files <= before.files && children <= before.children
  }).catch(() => undefined)
  const after = lookAt(pid)
  expect(after.files).toBeLessThanOrEqual(before.files)
  expect(after.children).toBeLessThanOrEqual(before.children)
  expect(after.rssMib).toBeLessThan(before.rssMib + MAX_GROWTH_MIB)
  if (temporaryFolder !== undefined) {
    // The answer may be there some milliseconds before the folder of its request is gone.
    await until(async () => (await ownFolders(temporaryFolder)).length === 0).catch(() => undefined)
    expect(await ownFolders(temporaryFolder)).toEqual([])
  }
}

async function ownFolders(temporaryFolder: string): Promise<readonly string[]> {
  return (await readdir(temporaryFolder)).filter((name) => /^media-proxy-(?:video|spool)-/.test(name))
}
