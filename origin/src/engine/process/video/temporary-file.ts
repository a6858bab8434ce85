import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { abortFailure } from '../../../concurrency/wait.ts'
import type { MediaBytes } from '../../../source/ranges.ts'
import { makeTemporaryFolder, writeFailure } from '../../../streams/temporary-folder.ts'

/**
 * Puts a source into a file of its own for as long as `use` runs. The file and its folder are gone when this
 * returns, however it does. Fails with `source-too-large`, with `overloaded` where there is no room, as the source
 * does, or with the signal.
 */
export async function withTemporaryFile<T>(
  bytes: MediaBytes,
  maxBytes: number,
  signal: AbortSignal,
  use: (path: string) => Promise<T>,
): Promise<T | Failure> {
  if (bytes.sizeBytes > maxBytes)
    return fail('source-too-large', `${bytes.sizeBytes} bytes for a temporary file`)
  const folder = await makeTemporaryFolder('video')
  if (isFailure(folder)) return folder
  try {
    const path = join(folder.path, 'source')
    const body = await bytes.stream()
    if (isFailure(body)) return body
    try {
      // Node's and the platform's stream types differ only in name.
      await pipeline(Readable.fromWeb(body as never), createWriteStream(path, { mode: 0o600 }), { signal })
    } catch (error) {
      if (signal.aborted) return abortFailure(signal)
      if (error instanceof BodyError) return error.failure
      const failure = writeFailure(error)
      if (failure !== undefined) return failure
      return fail('store-unreachable', error instanceof Error ? error.message : String(error))
    }
    return await use(path)
  } finally {
    await folder.remove()
  }
}
