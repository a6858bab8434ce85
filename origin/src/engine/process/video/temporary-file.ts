import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { makeTemporaryFolder, writeFailure } from '../../../streams/temporary-folder.ts'
import { type MediaSource, parts } from '../source.ts'

/**
 * Puts a source into a file of its own for as long as `use` runs. The file and its folder are gone when this
 * returns, however it does. Fails with `source-too-large`, with `overloaded` where there is no room, or as the source
 * does.
 */
export async function withTemporaryFile<T>(
  source: Pick<MediaSource, 'sizeBytes' | 'read'>,
  maxBytes: number,
  use: (path: string) => Promise<T>,
): Promise<T | Failure> {
  if (source.sizeBytes > maxBytes)
    return fail('source-too-large', `${source.sizeBytes} bytes for a temporary file`)
  const folder = await makeTemporaryFolder('video')
  if (isFailure(folder)) return folder
  try {
    const path = join(folder.path, 'source')
    const failure = write(source, path)
    return failure ?? (await use(path))
  } finally {
    await folder.remove()
  }
}

function write(source: Pick<MediaSource, 'sizeBytes' | 'read'>, path: string): Failure | undefined {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      for (const part of parts(source.sizeBytes, source.read)) {
        if (isFailure(part)) return part
        for (let at = 0; at < part.bytes.length; ) at += writeSync(file, part.bytes, at)
      }
    } finally {
      closeSync(file)
    }
    return undefined
  } catch (error) {
    const failure = writeFailure(error)
    if (failure === undefined) throw error
    return failure
  }
}
