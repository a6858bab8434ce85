/** An object store with the S3 protocol and Signature Version 4. */

import { discardBody } from '../discard-body.ts'
import { formatRange } from '../response/conditional.ts'
import { type Failure, fail, isFailure, rangeNotSatisfiable } from '../response/failure.ts'
import { decodeObjects, type EncodedInfo, type EncodedObject } from './coding/decoded-objects.ts'
import { createRawFetch } from './raw-fetch.ts'
import { bucketUrl, objectUrl } from './s3/address.ts'
import { infoOf, readAnswer, resolveSuffix, sizeInPart } from './s3/answer.ts'
import type { CredentialSource } from './s3/credentials.ts'
import { createErrorInterpreter } from './s3/error-interpreter.ts'
import { failureOf, isErrorResponse } from './s3/error-response.ts'
import { createS3Exchange, type S3Exchange } from './s3/exchange.ts'
import { LISTED_KEYS, readListing } from './s3/listing.ts'
import type { GetOptions, ObjectStore } from './store.ts'
import { watchBody } from './watched-body.ts'

export type S3StoreOptions = S3Location & (S3Keys | { readonly credentials: CredentialSource })

interface S3Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Only for temporary credentials. */
  readonly sessionToken?: string | undefined
}

interface S3Location {
  /** An absolute URL without a trailing slash. */
  readonly endpoint: string
  /** The endpoints of buckets that differ from `endpoint`, by bucket name. */
  readonly bucketEndpoints?: Readonly<Record<string, string>>
  /** The endpoint for writes and removals, if it differs from the one for reads. */
  readonly writeEndpoint?: string | undefined
  /**
   * Whether the bucket is the first segment of the path (the default) instead of the first label of the host.
   */
  readonly pathStyle?: boolean
  /** `auto` takes the region from the endpoint's host name, or else from the responses of the store. */
  readonly region: string
  /** The timeout for the header of a response, and between two chunks of its body. */
  readonly timeoutMs: number
  /** The largest decoded size of an object with a `Content-Encoding`, in bytes. Default: 500 MiB. */
  readonly maxDecodedBytes?: number
}

const DEFAULT_MAX_DECODED_BYTES = 500 * 1024 * 1024

/** A key that does not exist. A store that reports it as missing has accepted the credentials. */
const PROBE = 'media-proxy-readiness-probe'

export function createS3Store(options: S3StoreOptions): ObjectStore {
  const ask = createS3Exchange({
    fetch: createRawFetch(),
    credentials: credentialsOf(options),
    region: options.region,
    timeoutMs: options.timeoutMs,
  })
  const { pathStyle = true, writeEndpoint, maxDecodedBytes = DEFAULT_MAX_DECODED_BYTES } = options
  const readEndpoint = (bucket: string) => options.bucketEndpoints?.[bucket] ?? options.endpoint
  const toRead = (bucket: string) => ({ endpoint: readEndpoint(bucket), pathStyle })
  const toWrite = (bucket: string) => ({ endpoint: writeEndpoint ?? readEndpoint(bucket), pathStyle })
  const interpretError = createErrorInterpreter(ask, toRead)
  const encoded = encodedObjects(ask, { toRead, interpretError, timeoutMs: options.timeoutMs })

  async function remove(bucket: string, url: string): Promise<Failure | undefined> {
    const outcome = await ask({ method: 'DELETE', bucket, url })
    if (isErrorResponse(outcome))
      return outcome.status === 404 ? undefined : failureOf(outcome, bucket, 'remove')
    if (isFailure(outcome)) return outcome
    await discardBody(outcome.body)
    return undefined
  }

  return {
    ...decodeObjects(encoded, { maxBytes: maxDecodedBytes }),

    async put(bucket, key, bytes) {
      // Writing the same bytes twice is harmless, so writes are retried like reads.
      const url = objectUrl(toWrite(bucket), bucket, key)
      const outcome = await ask({ method: 'PUT', bucket, url, body: bytes })
      if (isErrorResponse(outcome)) return failureOf(outcome, bucket, 'write')
      if (isFailure(outcome)) return outcome
      await discardBody(outcome.body)
      return undefined
    },

    async upload(bucket, key, { body, sizeBytes, contentType, part }) {
      const query =
        part === undefined
          ? ''
          : `?partNumber=${part.partNumber}&uploadId=${encodeURIComponent(part.uploadId)}`
      const url = `${objectUrl(toWrite(bucket), bucket, key)}${query}`
      const outcome = await ask.stream({ bucket, url, body, sizeBytes, contentType })
      if (isErrorResponse(outcome)) return failureOf(outcome, bucket, 'write')
      if (isFailure(outcome)) return outcome
      await discardBody(outcome.body)
      const etag = outcome.headers.get('etag')
      return etag === null ? {} : { etag }
    },

    async removeBelow(bucket, folder) {
      const address = toWrite(bucket)
      const query = `?list-type=2&max-keys=${LISTED_KEYS}&prefix=${encodeURIComponent(folder)}`
      let removed = 0
      let from = ''
      for (;;) {
        const listing = await ask({ method: 'GET', bucket, url: bucketUrl(address, bucket, query + from) })
        if (isErrorResponse(listing)) return failureOf(listing, bucket)
        if (isFailure(listing)) return listing
        const listed = readListing(await textOf(listing, options.timeoutMs))
        if (listed === undefined) return fail('store-misconfigured', 'S3 answered no listing')
        const { keys, continuation } = listed
        const failure = await removeEach(keys, (key) => remove(bucket, objectUrl(address, bucket, key)))
        if (failure !== undefined) return failure
        removed += keys.length
        if (continuation === undefined) return removed
        from = `&continuation-token=${encodeURIComponent(continuation)}`
      }
    },

    async check(bucket, signal) {
      const object = await encoded.get(bucket, PROBE, signal === undefined ? {} : { signal })
      if (isFailure(object)) return object.code === 'not-found' ? undefined : object
      await discardBody(object.body)
      return undefined
    },
  }
}

/** The number of concurrent removals. A takedown of thousands of objects would be too slow one by one. */
const CONCURRENT_REMOVALS = 16

/** Removes keys concurrently. Returns the first failure, after which no other removal starts. */
async function removeEach(
  keys: readonly string[],
  remove: (key: string) => Promise<Failure | undefined>,
): Promise<Failure | undefined> {
  const waiting = keys[Symbol.iterator]()
  let failure: Failure | undefined
  const worker = async () => {
    for (const key of waiting) {
      if (failure !== undefined) return
      const outcome = await remove(key)
      failure ??= outcome
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_REMOVALS }, worker))
  return failure
}

async function textOf({ body }: Response, timeoutMs: number): Promise<string> {
  return body === null ? '' : new Response(watchBody(body, timeoutMs)).text()
}

function credentialsOf(options: S3StoreOptions): CredentialSource {
  if ('credentials' in options) return options.credentials
  const { accessKeyId, secretAccessKey, sessionToken } = options
  const keys = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
  return async () => keys
}

interface EncodedObjectsOptions {
  readonly toRead: Parameters<typeof createErrorInterpreter>[1]
  readonly interpretError: ReturnType<typeof createErrorInterpreter>
  readonly timeoutMs: number
}

/** Reads objects with the bytes that the store holds. */
function encodedObjects(ask: S3Exchange, { toRead, interpretError, timeoutMs }: EncodedObjectsOptions) {
  async function head(bucket: string, key: string, signal?: AbortSignal): Promise<EncodedInfo | Failure> {
    const url = objectUrl(toRead(bucket), bucket, key)
    const outcome = await ask({ method: 'HEAD', bucket, url, signal })
    if (isFailure(outcome)) return outcome
    if (!isErrorResponse(outcome)) return infoOf(outcome.headers)
    if (outcome.code !== '') return interpretError(outcome, bucket, signal)
    // Responses to HEAD have no body, and only the body states the error, so a GET reads it.
    const first = await ask({ method: 'GET', bucket, url, range: 'bytes=0-0', signal })
    const isEmpty = isErrorResponse(first) && first.status === 416
    const response = isEmpty ? await ask({ method: 'GET', bucket, url, signal }) : first
    if (isFailure(response)) return response
    if (isErrorResponse(response)) return interpretError(response, bucket, signal)
    // The object is readable although HEAD fails: some keys and gateways allow only GET.
    const answer = readAnswer(response, isEmpty ? undefined : { start: 0, end: 0 })
    await discardBody((isFailure(answer) ? response : answer).body)
    return isFailure(answer) ? failureOf(outcome, bucket) : answer.info
  }

  async function get(
    bucket: string,
    key: string,
    { range, signal }: GetOptions = {},
  ): Promise<EncodedObject | Failure> {
    const url = objectUrl(toRead(bucket), bucket, key)
    const rangeHeader = range === undefined ? undefined : formatRange(range)
    const outcome = await ask({ method: 'GET', bucket, url, range: rangeHeader, signal })
    if (isFailure(outcome)) return outcome
    if (isErrorResponse(outcome)) {
      if (outcome.status !== 416) return interpretError(outcome, bucket, signal)
      const known = outcome.sizeBytes ?? (await head(bucket, key, signal))
      if (isFailure(known)) return known
      const sizeBytes = typeof known === 'number' ? known : known.sizeBytes
      // Some stores reject a suffix that is longer than the object.
      return (await getResolved(sizeBytes)) ?? rangeNotSatisfiable(sizeBytes)
    }
    const answer = readAnswer(outcome, range)
    if (!isFailure(answer)) return { ...answer, body: watchBody(answer.body, timeoutMs) }
    await discardBody(outcome.body)
    const sizeBytes = answer.code === 'store-misconfigured' ? sizeInPart(outcome) : undefined
    return (await getResolved(sizeBytes)) ?? answer

    /** Gets a suffix by its start, which every store supports. Undefined for other ranges. */
    async function getResolved(sizeBytes: number | undefined) {
      const part = sizeBytes === undefined ? undefined : resolveSuffix(range, sizeBytes)
      if (part === undefined) return undefined
      return get(bucket, key, { range: part, ...(signal === undefined ? {} : { signal }) })
    }
  }

  return { head, get }
}
