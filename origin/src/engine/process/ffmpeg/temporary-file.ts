import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { makeTemporaryFolder, writeFailure } from '../../../streams/temporary-folder.ts'
import type { ByRange } from '../container/video-decoder.ts'
import { parts } from '../source/media-source.ts'

export interface TemporaryFile {
  readonly path: string
  /** Removes the file and its folder. They are gone when this resolves. */
  remove(): Promise<void>
}

/**
 * Writes a source to a temporary file. Fails with `source-too-large`, with `overloaded` when there is no
 * space, or as the source does; then nothing is left behind.
 */
export async function openTemporaryFile(source: ByRange, maxBytes: number): Promise<TemporaryFile | Failure> {
  if (source.sizeBytes > maxBytes)
    return fail('source-too-large', `${source.sizeBytes} bytes for a temporary file`)
  const folder = await makeTemporaryFolder('video')
  if (isFailure(folder)) return folder
  const path = join(folder.path, 'source')
  const failure = write(source, path)
  if (failure === undefined) return { path, remove: () => folder.remove() }
  await folder.remove()
  return failure
}

function write(source: ByRange, path: string): Failure | undefined {
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
