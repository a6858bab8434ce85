import type { ByteRange, RangeRequest } from '../response/conditional.ts'
import type { Failure } from '../response/failure.ts'

/** What a store knows of an object without its bytes. */
export interface ObjectInfo {
  /** Of the bytes that a body gives; undefined where only reading them would tell. */
  readonly sizeBytes?: number
  /** Quoted and strong: it changes whenever the bytes do. Not every store has one of every object. */
  readonly etag?: string
  readonly lastModified?: Date
  /** As it was stored; undefined where the store keeps none. */
  readonly contentType?: string
  readonly cacheControl?: string
}

/** An opened object. Whoever gets it reads `body` to its end or cancels it. */
export interface StoredObject {
  readonly info: ObjectInfo
  /** The part that `body` is, where a range was asked for; else it is the whole. */
  readonly range?: ByteRange
  readonly body: ReadableStream<Uint8Array>
}

export interface GetOptions {
  readonly range?: RangeRequest
  /** Ends the exchange, and the body with it. */
  readonly signal?: AbortSignal
}

/** What is written from a stream. */
export interface Upload {
  readonly body: ReadableStream<Uint8Array>
  /** Of the whole body: nothing is written of one that is shorter or longer. */
  readonly sizeBytes: number
  readonly contentType?: string
  /** One part of a multipart upload that was begun elsewhere. */
  readonly part?: { readonly uploadId: string; readonly partNumber: number }
}

export interface StoredUpload {
  /** As the store gave it. */
  readonly etag?: string
}

/** What changes with the bytes of an object; undefined where its store tells nothing that does. */
export function validatorOf({ etag, lastModified, sizeBytes }: ObjectInfo): string | undefined {
  if (etag !== undefined) return etag
  return lastModified === undefined || sizeBytes === undefined
    ? undefined
    : `"${lastModified.toUTCString()}, ${sizeBytes}"`
}

/**
 * Where objects are. Failures: `not-found`, `range-not-satisfiable` (with its `content-range`),
 * `store-unreachable`, `store-timeout`, `store-busy`, `store-denied`, `store-misconfigured`; of an object stored with
 * a `Content-Encoding` also `broken-source` and `source-too-large`.
 */
export interface ObjectStore {
  head(bucket: string, key: string, signal?: AbortSignal): Promise<ObjectInfo | Failure>
  get(bucket: string, key: string, options?: GetOptions): Promise<StoredObject | Failure>
  /** Writes an object whole, or not at all; an object that is there is replaced. Gives what failed. */
  put(bucket: string, key: string, bytes: Uint8Array<ArrayBuffer>): Promise<Failure | undefined>
  /** Writes an object, or a part of one, whole or not at all, without holding it. The body is used up either way. */
  upload(bucket: string, key: string, upload: Upload): Promise<StoredUpload | Failure>
  /** Removes every object below a folder (which ends in a slash); gives their number. */
  removeBelow(bucket: string, folder: string): Promise<number | Failure>
  /** Fails where the bucket cannot be read, for `/_ready`. */
  check(bucket: string, signal?: AbortSignal): Promise<Failure | undefined>
}
