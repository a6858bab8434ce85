/**
 * The signature of the edge worker's requests to the origin. Cloudflare's address ranges prove only that a
 * request comes from some worker. The signature proves that it comes from this deployment's worker, and for
 * which client. It covers the time, the method, the path with the query, and the client address, so that a
 * captured request cannot be used for another path, for another client, or after a minute.
 */

import { decodeBase64Url, encodeBase64Url } from '../encoding/base64url.ts'
import { type Failure, fail } from '../response/failure.ts'
import type { ReadableHeaders } from '../response/headers.ts'
import { type KeyRing, sign, verify } from './hmac.ts'

/** The headers that carry the signature. */
const EDGE_HEADERS = {
  time: 'x-edge-time',
  client: 'x-edge-client',
  signature: 'x-edge-signature',
} as const

const EDGE_HEADER_NAMES = Object.values(EDGE_HEADERS)

/**
 * Sent by every edge, also without a key. The origin then adds the response headers that only an edge reads.
 * It grants nothing, so it needs no signature.
 */
export const FOR_EDGE_HEADER = 'x-media-edge'

/** Set when the origin rejects the edge's signature. Its client must not get that response. */
export const EDGE_REJECTED_HEADER = 'x-edge-rejected'

/** Set when the origin rejects the signature of a URL, which says nothing about the source of the URL. */
export const URL_REJECTED_HEADER = 'x-media-url-rejected'

/**
 * The host of the client's request to the edge, sent with playground requests. It is trusted only with a
 * valid signature, because a page that reached the origin by DNS rebinding could send it too.
 */
export const ASKED_HOST_HEADER = 'x-edge-host'

/** The largest difference between the signed time and the origin's clock, in the past or the future. */
const EDGE_SIGNATURE_SECONDS = 60

/** The signed parts of a request, apart from the time. */
export interface EdgeRequest {
  readonly method: string
  /** The raw path and query. */
  readonly path: string
  readonly clientAddress: string
}

/** Returns the headers that sign a request. `nowMs` is milliseconds since the epoch. */
export async function signEdgeRequest(
  ring: KeyRing,
  request: EdgeRequest,
  nowMs: number,
): Promise<Record<string, string>> {
  const time = String(Math.floor(nowMs))
  const signature = await sign(ring, messageOf(request, time))
  return {
    [EDGE_HEADERS.time]: time,
    [EDGE_HEADERS.client]: request.clientAddress,
    [EDGE_HEADERS.signature]: encodeBase64Url(signature),
  }
}

/** Whether a request claims to come from the edge. The claim is not verified. */
export function isEdgeClaimed(headers: ReadableHeaders): boolean {
  return EDGE_HEADER_NAMES.some((name) => headers.has(name))
}

/**
 * Verifies the signature and returns the client address that the edge states. Fails with `forbidden` when a
 * header is missing, the signature is wrong, or its time differs by more than a minute.
 */
export async function verifyEdgeRequest(
  ring: KeyRing | undefined,
  request: Pick<EdgeRequest, 'method' | 'path'>,
  headers: ReadableHeaders,
  nowMs: number,
): Promise<{ readonly clientAddress: string } | Failure> {
  const time = headers.get(EDGE_HEADERS.time) ?? ''
  const clientAddress = headers.get(EDGE_HEADERS.client) ?? ''
  const signature = decodeBase64Url(headers.get(EDGE_HEADERS.signature) ?? '')
  if (ring === undefined || signature === undefined || !/^\d{1,15}$/.test(time))
    return forbidden('incomplete')
  if (Math.abs(nowMs - Number(time)) > EDGE_SIGNATURE_SECONDS * 1000) return forbidden('stale')
  const message = messageOf({ ...request, clientAddress }, time)
  return (await verify(ring, message, signature)) ? { clientAddress } : forbidden('wrong')
}

function messageOf({ method, path, clientAddress }: EdgeRequest, time: string): string {
  return ['edge-1', time, method, path, clientAddress].join('\n')
}

function forbidden(why: 'incomplete' | 'stale' | 'wrong'): Failure {
  return fail('forbidden', `${why} edge signature`, { [EDGE_REJECTED_HEADER]: why })
}
