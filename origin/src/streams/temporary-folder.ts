/** Where files lie that are needed for the length of one request. */

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

export interface TemporaryFolder {
  readonly path: string
  remove(): Promise<void>
}

/** A folder of its own, named after what it is for and the process. Fails with `overloaded` where there is no room. */
export async function makeTemporaryFolder(purpose: Purpose): Promise<TemporaryFolder | Failure> {
  try {
    const path = await mkdtemp(join(tmpdir(), prefixOf(purpose, process.pid)))
    return { path, remove: () => rm(path, { recursive: true, force: true }) }
  } catch (error) {
    const failure = writeFailure(error)
    if (failure === undefined) throw error
    return failure
  }
}

type Purpose = 'spool' | 'upload' | 'video'

/** Of this machine or container: several may share a folder, and each has processes of the same numbers. */
const HOST = hostname().replace(/\W/g, '_')

function prefixOf(purpose: Purpose, pid: number): string {
  return `media-proxy-${purpose}-${HOST}-${pid}-`
}

const OWN_NAME = new RegExp(`^media-proxy-(?:spool|upload|video)-${HOST}-(\\d+)-`)

/**
 * Removes what was left by processes of this host that were killed, which nobody else would: the folder may outlive
 * them, and its disk is full some day. Call it before this process makes a folder; it may have the number of a dead one.
 */
export async function removeAbandonedFolders(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => [])
  const abandoned = names.filter((name) => {
    const pid = OWN_NAME.exec(name)?.[1]
    return pid !== undefined && !isAnother(Number(pid))
  })
  // What is not ours to remove stays.
  await Promise.allSettled(
    abandoned.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })),
  )
}

/** Whether another process than this one runs by that number. */
function isAnother(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Removes what a process left that was killed. */
export async function removeFoldersOf(pid: number, purpose: Purpose): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => [])
  const left = names.filter((name) => name.startsWith(prefixOf(purpose, pid)))
  await Promise.all(left.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })))
}

/** The system calls that only whoever makes or writes a file gets an error from. */
const WRITING_CALLS = new Set<unknown>(['mkdtemp', 'open', 'write', 'close'])
/** A full disk is empty again when the requests that fill it have ended. */
const RETRY_AFTER = { 'retry-after': '10' }

/**
 * What an error means that came of writing a temporary file: a disk that is full or broken is no defect, and no
 * fault of the file. Undefined where it is about something else, such as the reading of the source.
 */
export function writeFailure(error: unknown): Failure | undefined {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return undefined
  if (!WRITING_CALLS.has(error.syscall)) return undefined
  return fail('overloaded', `no room for a temporary file: ${error.code}`, RETRY_AFTER)
}
