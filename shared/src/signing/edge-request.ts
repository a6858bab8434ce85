/**
 * The signature of the edge worker's requests to the origin. Cloudflare's address ranges prove only that somebody's
 * worker asks; this proves that ours does, and for whom: time, method, path with query, and client address are
 * signed, so that a captured request is of no use for another path, another client, or a minute later.
 */

import { type Failure, fail } from '../response/failure.ts'
import type { ReadableHeaders } from '../response/headers.ts'
import { decodeBase64Url, encodeBase64Url } from './base64url.ts'
import { type KeyRing, sign, verify } from './hmac.ts'

/** Names of the headers that carry the signature. */
export const EDGE_HEADERS = {
  time: 'x-edge-time',
  client: 'x-edge-client',
  signature: 'x-edge-signature',
} as const

const EDGE_HEADER_NAMES = Object.values(EDGE_HEADERS)

/** On the origin's refusal of whoever asks it: it is the edge's own fault then, and no answer for its client. */
export const EDGE_REFUSED_HEADER = 'x-edge-refused'

/** On a refusal to the edge that is about the signature of one URL, and says nothing of what that names. */
export const URL_REFUSED_HEADER = 'x-media-url-refused'

/**
 * The host by which a client asked the edge, on requests for the playground. Believed only beside a signature: a page
 * that was led to the origin by a rebound name could send it too.
 */
export const ASKED_HOST_HEADER = 'x-edge-host'

/** How old a signed request may be, or how far in the future where clocks disagree. */
export const EDGE_SIGNATURE_SECONDS = 60

/** What is signed of a request. */
export interface EdgeRequest {
  readonly method: string
  /** Raw path and query. */
  readonly path: string
  readonly clientAddress: string
}

/** The headers that sign a request. `nowMs` is milliseconds since the epoch. */
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

/** Tells whether a request claims to come from the edge, rightly or not. */
export function isEdgeClaimed(headers: ReadableHeaders): boolean {
  return EDGE_HEADER_NAMES.some((name) => headers.has(name))
}

/**
 * The client address that the edge vouches for. Fails with `forbidden` where anything is missing, wrong, or older
 * than a minute.
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
  return fail('forbidden', `${why} edge signature`, { [EDGE_REFUSED_HEADER]: why })
}
