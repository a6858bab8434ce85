/** `PUT /v1/relay/<key>`: uploads of clients that cannot reach the store themselves (contract, section 14). */

import {
  RELAY_METHODS,
  type RelayRequest,
  type RelayTarget,
  relayTargetOf,
  relayTokenOf,
} from '@media-proxy/shared/request/relay.ts'
import { CORS_HEADERS } from '@media-proxy/shared/response/cors.ts'
import { type Failure, fail, failOpenly, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { type UploadGrant, verifyUploadToken } from '@media-proxy/shared/signing/upload-token.ts'
import type { ObjectStore, StoredUpload } from '@media-proxy/shared/store/store.ts'
import type { Spool } from '../relay/spool.ts'
import { type Pace, type UploadBody, uploadBody } from '../relay/upload-body.ts'
import type { BufferCollector } from '../streams/buffer-collector.ts'
import { discard } from '../streams/discard.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'

export interface RelayOptions {
  /** Of `uploadRelaySecret`; undefined where there is none: then there is no relay. */
  readonly ring: KeyRing | undefined
  readonly store: ObjectStore
  readonly bucket: string
  /** Largest upload, whatever its token says. */
  readonly maxBytes: number
  readonly spool: Spool
  readonly pace: Pace
  readonly collector: BufferCollector
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export async function serveRelay(
  request: RelayRequest,
  exchange: Exchange,
  options: RelayOptions,
): Promise<Answer> {
  const { method, requestId } = exchange
  if (options.ring === undefined) return refuse(fail('no-route'), exchange)
  if (method === 'OPTIONS') return { response: preflight(requestId) }
  if (method !== 'PUT')
    return refuse(fail('method-not-allowed', method.slice(0, 20), { allow: RELAY_METHODS }), exchange)
  const allowed = await authorize(request, exchange, options.ring, options)
  if (isFailure(allowed)) return refuse(allowed, exchange)
  const stored = await upload(allowed, exchange, options)
  if (isFailure(stored)) return refuse(stored, exchange)
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

/** What is left of the body is dropped first, so that the refusal reaches a client which still writes. */
async function refuse(failure: Failure, exchange: Exchange): Promise<Answer> {
  await discard(exchange)
  return reject(failure, exchange.requestId)
}

interface AllowedUpload {
  readonly grant: UploadGrant
  readonly target: RelayTarget
}

/** The token comes first: who has none learns nothing of what is wrong with the rest. */
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
  { store, bucket, maxBytes: most, spool, pace, collector }: RelayOptions,
): Promise<StoredUpload | Failure> {
  const maxBytes = Math.min(grant.maxBytes, most)
  const declared = declaredBytes(exchange.headers)
  if (declared !== undefined && declared > maxBytes)
    return failOpenly('source-too-large', `${declared} bytes of upload, ${maxBytes} allowed`)
  const received = uploadBody(exchange.body ?? new Blob([]).stream(), { maxBytes, pace, collector })
  const put = async (body: ReadableStream<Uint8Array>, sizeBytes: number) =>
    whose(
      received,
      await store.upload(bucket, target.key, {
        body,
        sizeBytes,
        ...(grant.contentType === undefined ? {} : { contentType: grant.contentType }),
        ...(target.part === undefined ? {} : { part: target.part }),
      }),
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

/** A body that broke off is its client's fault, whatever the store makes of it; all else is the store's. */
function whose(received: UploadBody, stored: StoredUpload | Failure): StoredUpload | Failure {
  if (!isFailure(stored)) return stored
  if (received.failure !== undefined) return received.failure
  // An upload that the store does not know is no missing page.
  return stored.code === 'not-found' ? fail('store-misconfigured', 'the store knows no such upload') : stored
}

/** Undefined where the length is not told; a request without either header has no body (RFC 9112, section 6.3). */
function declaredBytes(headers: Headers): number | undefined {
  if (headers.has('transfer-encoding')) return undefined
  return Number(headers.get('content-length') ?? 0)
}
