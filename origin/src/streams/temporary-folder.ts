/** Where files lie that are needed for the length of one request. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

export interface TemporaryFolder {
  readonly path: string
  remove(): Promise<void>
}

/** A folder of its own, named after what it is for and the process. Fails with `overloaded` where there is no room. */
export async function makeTemporaryFolder(purpose: 'spool' | 'video'): Promise<TemporaryFolder | Failure> {
  try {
    const path = await mkdtemp(join(tmpdir(), `media-proxy-${purpose}-${process.pid}-`))
    return { path, remove: () => rm(path, { recursive: true, force: true }) }
  } catch (error) {
    const failure = writeFailure(error)
    if (failure === undefined) throw error
    return failure
  }
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
