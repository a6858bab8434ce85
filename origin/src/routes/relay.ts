/**
 * `PUT /v1/relay/<key>`: uploads of clients that cannot reach the store themselves (contract, section 14).
 */

import {
  RELAY_METHODS,
  type RelayRequest,
  type RelayTarget,
  relayTargetOf,
  relayTokenOf,
} from '@media-proxy/shared/request/relay.ts'
import { CORS_HEADERS } from '@media-proxy/shared/response/cors.ts'
import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { type UploadGrant, verifyUploadToken } from '@media-proxy/shared/signing/upload-token.ts'
import type { ObjectStore, StoredUpload } from '@media-proxy/shared/store/store.ts'
import type { Spool } from '../relay/spool.ts'
import { type Pace, type UploadBody, uploadBody } from '../relay/upload-body.ts'
import type { BufferCollector } from '../streams/buffer-collector.ts'
import { discardRequest } from '../streams/discard-request.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'

export interface RelayOptions {
  /** The keys derived from `uploadRelaySecret`. Undefined when it is not set, which disables the relay. */
  readonly ring: KeyRing | undefined
  readonly store: ObjectStore
  readonly bucket: string
  /** The largest upload, in bytes, even if the token allows more. */
  readonly maxBytes: number
  readonly spool: Spool
  readonly pace: Pace
  readonly collector: BufferCollector
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Serves an upload: verifies its token, and streams its body to the store. */
export async function serveRelay(
  request: RelayRequest,
  exchange: Exchange,
  options: RelayOptions,
): Promise<Answer> {
  const { method, requestId } = exchange
  if (options.ring === undefined) return rejectUpload(fail('no-route'), exchange)
  if (method === 'OPTIONS') return { response: preflight(requestId) }
  if (method !== 'PUT')
    return rejectUpload(fail('method-not-allowed', method.slice(0, 20), { allow: RELAY_METHODS }), exchange)
  const allowed = await authorize(request, exchange, options.ring, options)
  if (isFailure(allowed)) return rejectUpload(allowed, exchange)
  const stored = await upload(allowed, exchange, options)
  if (isFailure(stored)) return rejectUpload(stored, exchange)
  const headers = {
    ...CORS_HEADERS,
    'cache-control': 'no-store',
    'content-length': '0',
    'x-request-id': requestId,
    ...(stored.etag === undefined ? {} : { etag: stored.etag }),
  }
  return { response: new Response(null, { headers }) }
}

function preflight(requestId: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...CORS_HEADERS,
      allow: RELAY_METHODS,
      'access-control-allow-methods': RELAY_METHODS,
      'access-control-allow-headers':
        'Content-Type, Content-Length, Authorization, X-Fluxer-Features, X-Client-Context',
      'access-control-max-age': '600',
      'x-request-id': requestId,
    },
  })
}

/**
 * Rejects an upload. The rest of the body is discarded first,
 * so that the response reaches a client that is still writing.
 */
async function rejectUpload(failure: Failure, exchange: Exchange): Promise<Answer> {
  await discardRequest(exchange)
  return reject(failure, exchange.requestId)
}

interface AllowedUpload {
  readonly grant: UploadGrant
  readonly target: RelayTarget
}

/**
 * Checks the token before anything else, so that a client
 * without one learns nothing about the rest of the request.
 */
async function authorize(
  request: RelayRequest,
  { requestLimits }: Exchange,
  ring: KeyRing,
  { bucket, now }: RelayOptions,
): Promise<AllowedUpload | Failure> {
  const grant = await verifyUploadToken(ring, relayTokenOf(request), now() / 1000)
  if (isFailure(grant)) return (await requestLimits.consume('bad-signatures')) ?? grant
  const limited = await requestLimits.consume('requests')
  if (limited !== undefined) return limited
  const target = relayTargetOf(request)
  if (isFailure(target)) return target
  if (grant.bucket !== bucket || grant.key !== target.key || grant.method !== 'put')
    return fail('forbidden', 'an upload token for another object or method')
  if (grant.uploadId !== target.part?.uploadId || grant.partNumber !== target.part?.partNumber)
    return fail('forbidden', 'an upload token for another part')
  return { grant, target }
}

async function upload(
  { grant, target }: AllowedUpload,
  exchange: Exchange,
  { store, bucket, maxBytes: maxUploadBytes, spool, pace, collector }: RelayOptions,
): Promise<StoredUpload | Failure> {
  const maxBytes = Math.min(grant.maxBytes, maxUploadBytes)
  const declared = declaredBytes(exchange.headers)
  if (declared !== undefined && declared > maxBytes)
    return failWithHint('source-too-large', `${declared} bytes of upload, ${maxBytes} allowed`)
  const received = uploadBody(exchange.body ?? new Blob([]).stream(), { maxBytes, pace, collector })
  const put = async (body: ReadableStream<Uint8Array>, sizeBytes: number) =>
    resultOf(
      received,
      await store.upload(bucket, target.key, {
        body,
        sizeBytes,
        ...(grant.contentType === undefined ? {} : { contentType: grant.contentType }),
        ...(target.part === undefined ? {} : { part: target.part }),
      }),
      sizeBytes,
    )
  if (declared !== undefined) return put(received.stream, declared)
  const spooled = await spool.keep(received.stream)
  if (isFailure(spooled)) return spooled
  try {
    return await put(spooled.open(), spooled.sizeBytes)
  } finally {
    await spooled.remove()
  }
}

/**
 * Decides which failure to report. A body that broke off is the fault of the client, whatever the store
 * reports. All other failures are those of the store.
 */
function resultOf(
  received: UploadBody,
  stored: StoredUpload | Failure,
  sizeBytes: number,
): StoredUpload | Failure {
  if (!isFailure(stored)) {
    return received.receivedBytes < sizeBytes
      ? fail('store-misconfigured', 'the store accepted an upload before it had the whole body')
      : stored
  }
  if (received.failure !== undefined) return received.failure
  // When the store does not know the multipart upload, that is not a missing page, so it is not a 404.
  return stored.code === 'not-found' ? fail('store-misconfigured', 'the store knows no such upload') : stored
}

/**
 * Returns the declared length of the body. Undefined when it is not declared. A request with neither header
 * has no body (RFC 9112, section 6.3).
 */
function declaredBytes(headers: Headers): number | undefined {
  if (headers.has('transfer-encoding')) return undefined
  return Number(headers.get('content-length') ?? 0)
}
