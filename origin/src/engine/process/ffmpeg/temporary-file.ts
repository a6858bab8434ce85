import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { makeTemporaryFolder, writeFailure } from '../../../streams/temporary-folder.ts'
import type { ByRange } from '../container/video-decoder.ts'

export interface TemporaryCopy {
  readonly path: string
  /** Removes the file and its folder. They are gone when this resolves. */
  remove(): Promise<void>
}

/**
 * Writes a source to a temporary file. Fails with `source-too-large`, with `overloaded` when there is no
 * space, or as the source does; then nothing is left behind.
 */
export async function openTemporaryFile(source: ByRange, maxBytes: number): Promise<TemporaryCopy | Failure> {
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

/** The size of the parts in which a source is read, in bytes. */
const PART_BYTES = 1024 * 1024

function write(source: ByRange, path: string): Failure | undefined {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      for (let start = 0; start < source.sizeBytes; start += PART_BYTES) {
        const part = source.read(start, Math.min(source.sizeBytes, start + PART_BYTES))
        if (isFailure(part)) return part
        for (let at = 0; at < part.length; ) at += writeSync(file, part, at)
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
