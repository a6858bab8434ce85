/** Requests to an S3 endpoint, with signatures, timeouts and retries. */

import { AwsV4Signer } from 'aws4fetch'
import { discardBody } from '../../discard-body.ts'
import { type Failure, fail, failWithAdvice, isFailure } from '../../response/failure.ts'
import type { RawFetch } from '../raw-fetch.ts'
import { watchBody, watchUpload } from '../watched-body.ts'
import { regionOfEndpoint } from './address.ts'
import type { CredentialSource, S3Credentials } from './credentials.ts'
import {
  type ErrorResponse,
  isBusy,
  isErrorResponse,
  isExpired,
  readErrorResponse,
} from './error-response.ts'

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  readonly bucket: string
  readonly url: string
  /** The value of the `Range` header. */
  readonly range?: string | undefined
  readonly body?: Uint8Array<ArrayBuffer> | undefined
  /** Aborts the request, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A 2xx response, an error response of the store, or a failure to get any response. */
export type S3Outcome = Response | ErrorResponse | Failure

export interface S3Exchange {
  (request: S3Request): Promise<S3Outcome>
  /**
   * Uploads a stream, without retries because it can be sent only once. The body is consumed or cancelled.
   */
  stream(request: S3Upload): Promise<S3Outcome>
}

export interface S3Upload extends Pick<S3Request, 'bucket' | 'url'> {
  readonly body: ReadableStream<Uint8Array>
  readonly sizeBytes: number
  readonly contentType?: string | undefined
}

export interface S3ExchangeOptions {
  readonly fetch: RawFetch
  readonly credentials: CredentialSource
  /** `auto` takes the region from the endpoint's host name, or else from the store's response. */
  readonly region: string
  /** The timeout for the header of a response, and between two chunks of its body. */
  readonly timeoutMs: number
}

/** The delays before the second and the third attempt. Only errors that may be temporary are retried. */
const RETRY_DELAYS_MS = [50, 250]
/** The longest wait for a store's `Retry-After`. The client gets a longer one as its own `Retry-After`. */
const MAX_WAIT_MS = 2000

export function createS3Exchange(options: S3ExchangeOptions): S3Exchange {
  /** The regions of buckets that the store reported. */
  const regions = new Map<string, string>()
  /** The buckets that have accepted the region of a signature, or stated the correct one. */
  const settled = new Set<string>()
  /** The signing keys of the day, which are expensive to derive. */
  const signingKeys = new Map<string, ArrayBuffer>()

  const regionOf = ({ bucket, url }: Pick<S3Request, 'bucket' | 'url'>) =>
    regions.get(bucket) ?? (options.region === 'auto' ? (regionOfEndpoint(url) ?? 'auto') : options.region)

  async function attempt(request: S3Request, region: string, renew = false): Promise<S3Outcome> {
    const credentials = await options.credentials({ renew })
    if (isFailure(credentials)) return credentials
    const headers = await sign(request, credentials, region, signingKeys)
    const outcome = isFailure(headers) ? headers : await exchange(request, headers, options)
    if (!isFailure(outcome)) settled.add(request.bucket)
    return outcome
  }

  /** Sends a request, and immediately retries it once when the error states what to correct. */
  async function attemptWithCorrection(request: S3Request): Promise<S3Outcome> {
    const region = regionOf(request)
    const first = await attempt(request, region)
    if (!isErrorResponse(first)) return first
    if (isExpired(first)) return attempt(request, region, true)
    return learnsRegion(request, first, region) ? attempt(request, regionOf(request)) : first
  }

  /**
   * Whether an error names another region than the signed one, which a concurrent request may have learned
   * meanwhile. Stores the region for later requests.
   */
  function learnsRegion(
    { bucket }: { bucket: string },
    rejection: ErrorResponse,
    signedFor: string,
  ): boolean {
    if (!statesRegion(rejection) || rejection.region === signedFor) return false
    regions.set(bucket, rejection.region)
    return true
  }

  async function requestWithRetries(request: S3Request): Promise<S3Outcome> {
    for (const delay of RETRY_DELAYS_MS) {
      const outcome = await attemptWithCorrection(request)
      if (!isWorthRetrying(outcome)) return outcome
      await pause(Math.max(delay, waitOf(outcome)), request.signal)
    }
    return attemptWithCorrection(request)
  }

  /**
   * Learns the region of a bucket from a read before the first upload, because an upload cannot be corrected.
   * Whether the read succeeds does not matter.
   */
  async function settleRegion({ bucket, url }: S3Upload): Promise<void> {
    if (settled.has(bucket) || regionOf({ bucket, url }) !== 'auto') return
    const [object = url] = url.split('?')
    const outcome = await attemptWithCorrection({ method: 'GET', bucket, url: object, range: 'bytes=0-0' })
    if (!isErrorResponse(outcome) && !isFailure(outcome)) await discardBody(outcome.body)
  }

  async function stream(request: S3Upload): Promise<S3Outcome> {
    await settleRegion(request)
    const region = regionOf(request)
    const credentials = await options.credentials({ renew: false })
    const headers = isFailure(credentials)
      ? credentials
      : await sign({ ...request, method: 'PUT', body: undefined }, credentials, region, signingKeys)
    if (isFailure(headers)) {
      await discardBody(request.body)
      return headers
    }
    const outcome = await exchangeStream(request, headers, options)
    // The upload cannot be repeated here, but the client's next attempt then succeeds.
    if (isErrorResponse(outcome)) {
      if (isExpired(outcome)) await options.credentials({ renew: true })
      learnsRegion(request, outcome, region)
    }
    return outcome
  }

  return Object.assign(requestWithRetries, { stream })
}

/** Signs a request. An invalid header value is a fault of the credentials, and must not be logged. */
async function sign(
  { method, url, range, body }: S3Request,
  { accessKeyId, secretAccessKey, sessionToken }: S3Credentials,
  region: string,
  cache: Map<string, ArrayBuffer>,
): Promise<Headers | Failure> {
  try {
    const signer = new AwsV4Signer({
      method,
      url,
      accessKeyId,
      secretAccessKey,
      region,
      cache,
      service: 's3',
      headers: range === undefined ? {} : { range },
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(body === undefined ? {} : { body }),
    })
    const { headers } = await signer.sign()
    // A compressed response would have another length than the object, and ranges of other bytes. The header
    // is not signed, because proxies in front of a store rewrite it.
    headers.set('accept-encoding', 'identity')
    return headers
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return fail('store-misconfigured', 'the S3 credentials have characters that no header can carry')
  }
}

async function exchange(
  { method, url, body, signal: caller }: S3Request,
  headers: Headers,
  { fetch, timeoutMs }: S3ExchangeOptions,
): Promise<S3Outcome> {
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  const signal = caller === undefined ? timeout.signal : AbortSignal.any([caller, timeout.signal])
  try {
    const response = await fetch({ url, method, headers, body, signal })
    if (response.ok) return response
    return await readErrorResponse(response, response.body && watchBody(response.body, timeoutMs))
  } catch (error) {
    caller?.throwIfAborted()
    if (timeout.signal.aborted) return fail('store-timeout', `no answer in ${timeoutMs} ms`)
    return unreachable(error)
  } finally {
    clearTimeout(timer)
  }
}

/** Sends an upload. The signature does not cover the bytes, because they are not known in advance. */
async function exchangeStream(
  { url, body, sizeBytes, contentType }: S3Upload,
  headers: Headers,
  { fetch, timeoutMs }: S3ExchangeOptions,
): Promise<S3Outcome> {
  const abandoned = new AbortController()
  const watched = watchUpload(body, timeoutMs, abandoned)
  headers.set('content-length', String(sizeBytes))
  if (contentType !== undefined) headers.set('content-type', contentType)
  try {
    const response = await fetch({
      url,
      method: 'PUT',
      headers,
      body: watched.stream,
      signal: abandoned.signal,
    })
    if (!response.ok)
      return await readErrorResponse(response, response.body && watchBody(response.body, timeoutMs))
    await discardBody(response.body)
    return response
  } catch (error) {
    return abandoned.signal.aborted
      ? fail('store-timeout', `nothing taken for ${timeoutMs} ms`)
      : unreachable(error)
  } finally {
    await watched.answered()
  }
}

/** Whether an error response names the correct region. */
function statesRegion(rejection: ErrorResponse): rejection is ErrorResponse & { readonly region: string } {
  const { status, region } = rejection
  return region !== undefined && (status === 400 || (status >= 300 && status < 400))
}

function isWorthRetrying(outcome: S3Outcome): outcome is ErrorResponse | Failure {
  if (isFailure(outcome)) return outcome.code === 'store-unreachable'
  return isErrorResponse(outcome) && (outcome.status >= 500 || isBusy(outcome))
}

function waitOf(outcome: ErrorResponse | Failure): number {
  return isErrorResponse(outcome) ? Math.min(MAX_WAIT_MS, outcome.retryAfterMs ?? 0) : 0
}

/** Waits, or rejects with the reason of the caller's signal as soon as it aborts. */
function pause(milliseconds: number, caller: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer)
      reject(caller?.reason)
    }
    const timer = setTimeout(() => {
      caller?.removeEventListener('abort', leave)
      resolve()
    }, milliseconds)
    caller?.addEventListener('abort', leave, { once: true })
    if (caller?.aborted) leave()
  })
}

const NO_TLS = 'write http:// in MEDIA_PROXY_S3_ENDPOINT, or name a port at which the store speaks TLS'
const OTHER_AUTHORITY =
  'name the file of the authority that signed its certificate as NODE_EXTRA_CA_CERTS, or give it one that is known'

/** Fixes for some error codes of the system. */
const FIXES: Readonly<Record<string, string>> = {
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  DEPTH_ZERO_SELF_SIGNED_CERT: OTHER_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_AUTHORITY,
}

function unreachable(error: unknown): Failure {
  const reason = reasonOf(error)
  const fix = FIXES[reason]
  return fix === undefined
    ? fail('store-unreachable', reason)
    : failWithAdvice('store-unreachable', { found: reason, fix })
}

/** Returns the system's error code, if any. Messages are checked for headers with signatures. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'unknown'
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  return /AWS4-|X-Amz-/i.test(cause.message) ? cause.name : cause.message
}
