import type { ByteRange, RangeRequest } from '../response/conditional.ts'
import type { Failure } from '../response/failure.ts'

/** The metadata of an object. */
export interface ObjectInfo {
  /** The size of the body. Undefined when it is known only after reading the body. */
  readonly sizeBytes?: number
  /** Quoted and strong: it changes whenever the bytes change. Not every store has one for every object. */
  readonly etag?: string
  readonly lastModified?: Date
  /** The stored content type. Undefined when the store has none. */
  readonly contentType?: string
  readonly cacheControl?: string
}

/** An opened object. The receiver must read `body` to its end or cancel it. */
export interface StoredObject {
  readonly info: ObjectInfo
  /** The part that `body` contains. Undefined when it is the whole object. */
  readonly range?: ByteRange
  readonly body: ReadableStream<Uint8Array>
}

export interface GetOptions {
  readonly range?: RangeRequest
  /** Aborts the request and the body. */
  readonly signal?: AbortSignal
}

/** An upload from a stream. */
export interface Upload {
  readonly body: ReadableStream<Uint8Array>
  /** The size of the whole body. Nothing is written if the body is shorter or longer. */
  readonly sizeBytes: number
  readonly contentType?: string
  /** The part of a multipart upload, which is started and completed elsewhere. */
  readonly part?: { readonly uploadId: string; readonly partNumber: number }
}

export interface StoredUpload {
  /** The ETag as returned by the store. */
  readonly etag?: string
}

/** Returns a validator that changes with the bytes of an object. Undefined when the store reports none. */
export function validatorOf({ etag, lastModified, sizeBytes }: ObjectInfo): string | undefined {
  if (etag !== undefined) return etag
  return lastModified === undefined || sizeBytes === undefined
    ? undefined
    : `"${lastModified.toUTCString()}, ${sizeBytes}"`
}

/**
 * An object store. Its failures are `not-found`, `range-not-satisfiable` (with its `content-range`),
 * `store-unreachable`, `store-timeout`, `store-busy`, `store-denied` and `store-misconfigured`. For an object
 * stored with a `Content-Encoding` they also include `broken-source` and `source-too-large`.
 */
export interface ObjectStore {
  head(bucket: string, key: string, signal?: AbortSignal): Promise<ObjectInfo | Failure>
  get(bucket: string, key: string, options?: GetOptions): Promise<StoredObject | Failure>
  /** Writes an object completely or not at all, and replaces an existing one. Returns a failure, if any. */
  put(bucket: string, key: string, bytes: Uint8Array<ArrayBuffer>): Promise<Failure | undefined>
  /** Streams an object or a part of one, completely or not at all. Always consumes or cancels the body. */
  upload(bucket: string, key: string, upload: Upload): Promise<StoredUpload | Failure>
  /** Removes every object below a folder (which ends with a slash) and returns their number. */
  removeBelow(bucket: string, folder: string): Promise<number | Failure>
  /** Fails when the bucket cannot be read; used by `/_ready`. */
  check(bucket: string, signal?: AbortSignal): Promise<Failure | undefined>
}
