/** Checks for resources that the service must not keep after a fault. */

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { expect } from 'vitest'
import { inspectProcess, type ProcessSnapshot } from '../bench/process-snapshot.ts'
import { scaleTimeout } from '../timeouts.ts'
import { until } from '../until.ts'

/** Open files, children and memory of another process are readable only on Linux. */
export const HAS_PROC = existsSync('/proc/self/task')

/**
 * The libraries and their caches grow while they warm up. A leak
 * of the data that these tests process would be far larger.
 */
const MAX_GROWTH_MIB = 150

/** Returns the resources of a process once it is idle: no children, and no socket that is still closing. */
export async function snapshotAtRest(pid: number): Promise<ProcessSnapshot> {
  let last = inspectProcess(pid)
  let since = performance.now()
  const restMs = scaleTimeout(REST_MS)
  await until(() => {
    const look = inspectProcess(pid)
    if (look.files !== last.files || look.children > 0) since = performance.now()
    last = look
    return performance.now() - since > restMs
  })
  return last
}

const REST_MS = 100

/**
 * The limit for the end of the extra engine processes of a burst, in milliseconds. The pool looks for idle ones
 * every 10 seconds, so one ends up to 20 seconds after its last job.
 */
const SETTLE_MS = 60_000

/** Passes once the process holds no more than before, and its temporary folder is empty. */
export async function expectNothingKept(
  pid: number,
  before: ProcessSnapshot,
  temporaryFolder?: string,
): Promise<void> {
  // A timeout here is not a failure yet. The checks below show what was kept.
  await until(() => {
    const { files, children } = inspectProcess(pid)
    return files <= before.files && children <= before.children
  }, SETTLE_MS).catch(() => undefined)
  const after = inspectProcess(pid)
  expect(after.files).toBeLessThanOrEqual(before.files)
  expect(after.children).toBeLessThanOrEqual(before.children)
  expect(after.rssMib).toBeLessThan(before.rssMib + MAX_GROWTH_MIB)
  if (temporaryFolder !== undefined) {
    // The response may arrive some milliseconds before the folder of its request is removed.
    await until(async () => (await ownFolders(temporaryFolder)).length === 0).catch(() => undefined)
    expect(await ownFolders(temporaryFolder)).toEqual([])
  }
}

async function ownFolders(temporaryFolder: string): Promise<readonly string[]> {
  return (await readdir(temporaryFolder)).filter((name) => /^media-proxy-(?:video|spool)-/.test(name))
}
