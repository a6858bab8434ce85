/** Temporary folders for files that are needed during one request. */

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

export interface TemporaryFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * Creates a folder, named after its purpose and the process.
 * Fails with `overloaded` when there is no space left.
 */
export async function makeTemporaryFolder(purpose: TemporaryPurpose): Promise<TemporaryFolder | Failure> {
  try {
    const path = await mkdtemp(join(tmpdir(), prefixOf(purpose, process.pid)))
    return { path, remove: () => rm(path, { recursive: true, force: true }) }
  } catch (error) {
    const failure = writeFailure(error)
    if (failure === undefined) throw error
    return failure
  }
}

export type TemporaryPurpose = 'spool' | 'upload' | 'video'

/**
 * The name of this machine or container. Several may share a temporary folder, and their process ids overlap.
 */
const HOST = hostname().replace(/\W/g, '_')

function prefixOf(purpose: TemporaryPurpose, pid: number): string {
  return `media-proxy-${purpose}-${HOST}-${pid}-`
}

const OWN_NAME = new RegExp(`^media-proxy-(?:spool|upload|video)-${HOST}-(\\d+)-`)

/**
 * Removes the folders of processes of this host that were killed. Nothing else removes them: the temporary
 * folder may outlive the processes, and its disk would fill up. Has to be called before this process creates
 * a folder, because its id may be that of a dead process.
 */
export async function removeAbandonedFolders(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => [])
  const abandoned = names.filter((name) => {
    const pid = OWN_NAME.exec(name)?.[1]
    return pid !== undefined && !isOtherProcess(Number(pid))
  })
  // Folders that cannot be removed are left in place.
  await Promise.allSettled(
    abandoned.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })),
  )
}

/** Whether the id belongs to a running process other than this one. */
function isOtherProcess(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Removes the folders of a process that was killed. */
export async function removeFoldersOf(pid: number, purpose: TemporaryPurpose): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => [])
  const left = names.filter((name) => name.startsWith(prefixOf(purpose, pid)))
  await Promise.all(left.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })))
}

/** The system calls whose errors come only from creating or writing a file. */
const WRITING_CALLS = new Set<unknown>(['mkdtemp', 'open', 'write', 'close'])
/** A full disk has space again once the requests that filled it have ended. */
const RETRY_AFTER = { 'retry-after': '10' }

/**
 * Returns the failure for an error from writing a temporary file: a disk that
 * is full or broken is neither a defect of the service nor a fault of the file.
 * Undefined when the error has another cause, such as reading the source.
 */
export function writeFailure(error: unknown): Failure | undefined {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return undefined
  if (!WRITING_CALLS.has(error.syscall)) return undefined
  return fail('overloaded', `no room for a temporary file: ${error.code}`, RETRY_AFTER)
}
