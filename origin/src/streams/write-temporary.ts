import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { abortFailure } from '../concurrency/wait.ts'
import { nodeStreamOf } from './node-stream.ts'
import { makeTemporaryFolder, type TemporaryPurpose, writeFailure } from './temporary-folder.ts'

export interface TemporaryFile {
  readonly path: string
  remove(): Promise<void>
}

export interface WriteTemporaryOptions {
  /** A part of the name of the folder. */
  readonly purpose: TemporaryPurpose
  /** Called before a chunk is written. A failure that it returns ends the writing. */
  readonly onChunk: (chunk: Uint8Array) => Failure | undefined
  readonly signal?: AbortSignal
}

/**
 * Writes a body to a temporary file, and consumes or cancels the body. Nothing is left when it fails: with a
 * failure of `onChunk` or of the body, with `overloaded` when there is no space, or when the signal fires.
 */
export async function writeTemporary(
  body: ReadableStream<Uint8Array>,
  { purpose, onChunk, signal }: WriteTemporaryOptions,
): Promise<TemporaryFile | Failure> {
  const folder = await makeTemporaryFolder(purpose)
  if (isFailure(folder)) {
    await discardBody(body)
    return folder
  }
  const path = join(folder.path, 'body')
  const watched = new Transform({
    transform(chunk: Uint8Array, _, done) {
      const failure = onChunk(chunk)
      if (failure === undefined) done(null, chunk)
      else done(new BodyError(failure))
    },
  })
  try {
    const file = createWriteStream(path, { mode: 0o600 })
    await pipeline(nodeStreamOf(body), watched, file, signal === undefined ? {} : { signal })
    return { path, remove: () => folder.remove() }
  } catch (error) {
    await folder.remove()
    if (signal?.aborted) return abortFailure(signal)
    if (error instanceof BodyError) return error.failure
    const failure = writeFailure(error)
    if (failure === undefined) throw error
    return failure
  }
}
