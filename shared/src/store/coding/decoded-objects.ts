/**
 * A store that returns objects decoded from their content coding (contract, section 4). Length, ranges and
 * bytes all come from this layer. If they came from different layers, they could disagree, and a client could
 * read bytes of the object as the next response.
 */

import { discardBody } from '../../discard-body.ts'
import { resolveRange } from '../../response/conditional.ts'
import { type Failure, isFailure, rangeNotSatisfiable } from '../../response/failure.ts'
import type { GetOptions, ObjectInfo, ObjectStore, StoredObject } from '../store.ts'
import { codingsOf } from './content-coding.ts'
import { decodeBody } from './decode-body.ts'

/** The metadata of an object's stored bytes. */
export interface EncodedInfo extends ObjectInfo {
  /** The stored `Content-Encoding`. */
  readonly contentEncoding?: string
}

export interface EncodedObject extends StoredObject {
  readonly info: EncodedInfo
}

/** Reads objects with their stored bytes. */
export interface EncodedObjects {
  head(bucket: string, key: string, signal?: AbortSignal): Promise<EncodedInfo | Failure>
  get(bucket: string, key: string, options?: GetOptions): Promise<EncodedObject | Failure>
}

export interface DecodingOptions {
  /** The largest decoded size of an object, in bytes. */
  readonly maxBytes: number
}

/**
 * Decodes objects. Decoded objects of up to one megabyte have a length and ranges, larger ones have neither.
 */
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
      await discardBody(object.body)
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
      // The decoded size is known only after decoding.
      const object = await get(bucket, key, signal === undefined ? {} : { signal })
      if (isFailure(object)) return object
      await discardBody(object.body)
      return object.info
    },
  }
}

/** Opens the requested part, or the whole of an encoded object, of which a part cannot be decoded. */
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
    // A range beyond the end of the encoded bytes can lie within the decoded ones.
    const known = await encoded.head(bucket, key, signal)
    return isFailure(known) || !isEncoded(known) ? object : encoded.get(bucket, key, within)
  }
  if (object.range === undefined || !isEncoded(object.info)) return object
  await discardBody(object.body)
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
    return rangeNotSatisfiable(bytes.length)
  }
  return { info, range: part, body: new Blob([bytes.subarray(part.start, part.end + 1)]).stream() }
}
