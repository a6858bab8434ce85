/**
 * A store whose objects are what was encoded, not what it was encoded to (contract, section 4). Length, ranges and
 * bytes all come from here: each of a layer of its own would let a client read bytes of the object as an answer.
 */

import { resolveRange } from '../../response/conditional.ts'
import { type Failure, fail, isFailure } from '../../response/failure.ts'
import type { GetOptions, ObjectInfo, ObjectStore, StoredObject } from '../store.ts'
import { codingsOf } from './content-coding.ts'
import { decodeBody } from './decode-body.ts'

/** What a store tells of the bytes it holds. */
export interface EncodedInfo extends ObjectInfo {
  /** As it was stored. */
  readonly contentEncoding?: string
}

export interface EncodedObject extends StoredObject {
  readonly info: EncodedInfo
}

/** Objects as they are stored. */
export interface EncodedObjects {
  head(bucket: string, key: string, signal?: AbortSignal): Promise<EncodedInfo | Failure>
  get(bucket: string, key: string, options?: GetOptions): Promise<EncodedObject | Failure>
}

export interface DecodingOptions {
  /** Most bytes that an object may decode to. */
  readonly maxBytes: number
}

/** Decoded objects of at most a megabyte have a length and ranges; of larger ones neither is told. */
export function decodeObjects(
  encoded: EncodedObjects,
  { maxBytes }: DecodingOptions,
): Pick<ObjectStore, 'head' | 'get'> {
  async function get(bucket: string, key: string, options: GetOptions): Promise<StoredObject | Failure> {
    const object = await openWhole(encoded, bucket, key, options)
    if (isFailure(object)) return object
    const { contentEncoding, ...info } = object.info
    const codings = codingsOf(contentEncoding)
    if (isFailure(codings)) {
      await object.body.cancel()
      return codings
    }
    if (codings.length === 0) return { ...object, info }
    const decoded = await decodeBody(object.body, codings, maxBytes)
    if (isFailure(decoded)) return decoded
    const { sizeBytes: _, ...rest } = info
    return decoded.complete ? partOf(decoded.bytes, rest, options) : { info: rest, body: decoded.body }
  }

  return {
    get: (bucket, key, options = {}) => get(bucket, key, options),

    async head(bucket, key, signal) {
      const known = await encoded.head(bucket, key, signal)
      if (isFailure(known)) return known
      const { contentEncoding, ...info } = known
      const codings = codingsOf(contentEncoding)
      if (isFailure(codings)) return codings
      if (codings.length === 0) return info
      // Only the bytes tell how many they are.
      const object = await get(bucket, key, signal === undefined ? {} : { signal })
      if (isFailure(object)) return object
      await object.body.cancel()
      return object.info
    },
  }
}

/** The part that was asked for; of an encoded object the whole, since a part of it says nothing. */
async function openWhole(
  encoded: EncodedObjects,
  bucket: string,
  key: string,
  { range, signal }: GetOptions,
): Promise<EncodedObject | Failure> {
  const within = signal === undefined ? {} : { signal }
  const object = await encoded.get(bucket, key, range === undefined ? within : { ...within, range })
  if (range === undefined) return object
  if (isFailure(object)) {
    if (object.code !== 'range-not-satisfiable') return object
    // What lies behind the end of the encoded bytes may lie well inside the decoded ones.
    const known = await encoded.head(bucket, key, signal)
    return isFailure(known) || !isEncoded(known) ? object : encoded.get(bucket, key, within)
  }
  if (object.range === undefined || !isEncoded(object.info)) return object
  await object.body.cancel()
  return encoded.get(bucket, key, within)
}

function isEncoded({ contentEncoding }: EncodedInfo): boolean {
  const codings = codingsOf(contentEncoding)
  return isFailure(codings) || codings.length > 0
}

function partOf(
  bytes: Uint8Array<ArrayBuffer>,
  rest: ObjectInfo,
  { range }: GetOptions,
): StoredObject | Failure {
  const info = { ...rest, sizeBytes: bytes.length }
  if (range === undefined) return { info, body: new Blob([bytes]).stream() }
  const part = resolveRange(range, bytes.length)
  if (part === 'unsatisfiable') {
    return fail('range-not-satisfiable', undefined, { 'content-range': `bytes */${bytes.length}` })
  }
  return { info, range: part, body: new Blob([bytes.subarray(part.start, part.end + 1)]).stream() }
}
