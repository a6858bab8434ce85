/** An opened source, wherever it came from. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../../concurrency/lane.ts'
import { allFinished } from '../../concurrency/single-flight.ts'
import type { MediaKind } from '../../media/kinds.ts'
import { giveBack } from '../../streams/give-back.ts'
import type { RangeSource } from './ranges.ts'

/** A source, known by its content. */
export interface Source {
  /** The object's key, or the external URL. */
  readonly key: string
  readonly info: SourceInfo
  /** Undefined where the content is no accepted media. */
  readonly kind: MediaKind | undefined
  /** The whole object where it is a picture of at most `WHOLE_BYTES`; only its head otherwise. */
  readonly bytes: Uint8Array
  /** The object by ranges; it can be read until the handle is released. */
  readonly parts: RangeSource
  /** Each part is asked of a far server, which may take its time. */
  readonly isFar?: boolean
}

/** What a source is known by. */
export interface SourceInfo {
  /** Another as soon as the bytes are others. */
  readonly etag: string
  readonly lastModified: Date | undefined
  /** How long its server lets it be kept, in seconds, where that bounds an answer's life. */
  readonly lifeSeconds?: number | undefined
}

/** The largest picture that is held in memory, shared by all its renditions; of larger ones ranges are read. */
export const WHOLE_BYTES = 16 * 1024 * 1024

/**
 * Waits until the memory for a source is there, and holds it for as long as the source is open. Gives what failed.
 */
export async function hold(bytes: number, memory: Lane, signal: AbortSignal): Promise<Failure | undefined> {
  const place = await memory.acquire(signal, { weightBytes: bytes })
  if (isFailure(place)) return place
  releaseWith(signal, place)
  return undefined
}

/**
 * Gives the memory of a source back as soon as all that opened it have finished: left to V8, that was a quarter of the
 * server's own time for photographs.
 */
export function giveBackWith(signal: AbortSignal, bytes: Uint8Array): void {
  const onAbort = () => {
    if (allFinished(signal)) giveBack(bytes)
  }
  signal.addEventListener('abort', onAbort, { once: true })
}

/** The signal of an open source fires when the last handle is released. */
export function releaseWith(signal: AbortSignal, place: { release(): void }): void {
  if (signal.aborted) place.release()
  else signal.addEventListener('abort', () => place.release(), { once: true })
}
