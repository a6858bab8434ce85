import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import {
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
  validatorOf,
} from '@media-proxy/shared/store/store.ts'
import { abortFailure } from '../../concurrency/wait.ts'
import { readAll } from '../../streams/read-all.ts'
import { createRangeSource, type RangeSource } from './ranges.ts'

export interface ObjectBytesOptions {
  readonly store: Pick<ObjectStore, 'get'>
  readonly bucket: string
  readonly key: string
  /** The info from when the object was opened. Another validator later on means other bytes. */
  readonly info: ObjectInfo & { readonly sizeBytes: number }
  /** The first bytes, when they are known already. */
  readonly head?: Uint8Array
  /** Aborts every read in progress. */
  readonly signal: AbortSignal
}

const REPLACED = fail('store-unreachable', 'the object was replaced while it was read')

/**
 * Returns a range source of a stored object. Reads fail with the failures of the store, and with
 * `store-unreachable` when the object was replaced between two reads: parts of two versions must never be
 * combined.
 */
export function objectRanges({ store, bucket, key, info, head, signal }: ObjectBytesOptions): RangeSource {
  async function checked(object: StoredObject | Failure): Promise<StoredObject | Failure> {
    // Every requested range lies within the size that the object had when it was opened.
    if (isFailure(object)) return object.code === 'range-not-satisfiable' ? REPLACED : object
    if (validatorOf(object.info) === validatorOf(info)) return object
    await discardBody(object.body)
    return REPLACED
  }

  /** Returns a failure instead of throwing when the request is aborted in the middle of a read. */
  async function guarded<T>(work: () => Promise<T | Failure>): Promise<T | Failure> {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted) return abortFailure(signal)
      if (error instanceof BodyError) return error.failure
      return fail('store-unreachable', error instanceof Error ? error.message : String(error))
    }
  }

  async function fetchPart(start: number, end: number): Promise<Uint8Array | Failure> {
    const range = { start, end: end - 1 }
    const object = await checked(await store.get(bucket, key, { range, signal }))
    if (isFailure(object)) return object
    const { start: gotStart, end: gotEnd } = object.range ?? { start: 0, end: info.sizeBytes - 1 }
    if (gotStart !== range.start || gotEnd !== range.end) {
      await discardBody(object.body)
      return fail('store-misconfigured', 'the store sent another range than was requested')
    }
    return readAll(object.body, end - start)
  }

  return createRangeSource({
    sizeBytes: info.sizeBytes,
    ...(head === undefined ? {} : { head: head.subarray(0, info.sizeBytes) }),
    fetchPart: (start, end) => guarded(() => fetchPart(start, end)),
    fetchAll: () =>
      guarded(async () => {
        const object = await checked(await store.get(bucket, key, { signal }))
        return isFailure(object) ? object : object.body
      }),
  })
}
