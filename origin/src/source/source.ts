/** An opened source, wherever it came from, and what every way of opening one has in common. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../concurrency/lane.ts'
import { type ImageFacts, readFacts } from '../engine/process/image/inspect.ts'
import type { ImageFormat, MediaKind } from '../media/kinds.ts'
import type { MediaBytes } from './ranges.ts'

/** A source in memory, known by its content. */
export interface Source {
  /** The object's key, or the external URL. */
  readonly key: string
  readonly info: SourceInfo
  /** Undefined where the content is no accepted media. */
  readonly kind: MediaKind | undefined
  /** The whole object; only its head for what is not decoded from memory (video, audio, unknown). */
  readonly bytes: Uint8Array
  /** What the header of an image tells, read once for all its renditions and not yet judged. */
  readonly facts: () => Promise<ImageFacts | Failure>
  /** The object by parts, for what is not decoded from memory; it can be read until the lease is released. */
  readonly parts: MediaBytes
}

/** What a source is known by. */
export interface SourceInfo {
  readonly sizeBytes: number
  /** Another as soon as the bytes are others. */
  readonly etag: string
  readonly lastModified: Date | undefined
}

/**
 * Waits until the memory for a source is there, and holds it for as long as the source is leased. Gives what failed.
 */
export async function hold(bytes: number, memory: Lane, signal: AbortSignal): Promise<Failure | undefined> {
  const place = await memory.acquire(signal, { weightBytes: bytes })
  if (isFailure(place)) return place
  // The flight's signal fires when the last lease is released.
  if (signal.aborted) place.release()
  else signal.addEventListener('abort', () => place.release(), { once: true })
  return undefined
}

/** Reads the header when it is first asked for, and once. */
export function factsReader(bytes: Uint8Array, format: ImageFormat): Source['facts'] {
  let facts: ReturnType<Source['facts']> | undefined
  return () => {
    facts ??= readFacts(bytes, format)
    return facts
  }
}

/** What is no image has no header of one. */
export const noFacts: Source['facts'] = async () => fail('unsupported-format')
