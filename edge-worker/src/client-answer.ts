/** Builds the response for one client from a cached response, which is shared by all clients. */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { finish, type Representation } from '@media-proxy/shared/response/finish.ts'
import {
  expiringCacheControl,
  type HeaderRecord,
  mediaCacheControl,
} from '@media-proxy/shared/response/headers.ts'
import { LIFETIME_HEADER, parseLifetime } from '@media-proxy/shared/response/lifetime.ts'
import { URL_REJECTED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { CachedResponse } from './cache.ts'
import type { DeliveryRequest } from './delivery-request.ts'
import { HOP_HEADERS, mutable } from './forward.ts'
import { slice } from './slice.ts'

/** The request and the time that a client's response depends on. */
export interface ClientView {
  readonly request: SourceRequest
  /** In milliseconds since the epoch. */
  readonly nowMs: number
}

interface Clock {
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

/** Returns the view of a request at the current time. */
export function viewOf({ now }: Clock, { request }: DeliveryRequest): ClientView {
  return { request, nowMs: now() }
}

/** Builds the response for a client from a cached one, with its conditions and its range applied. */
export function fromCache(cached: CachedResponse, clock: Clock, deliveryRequest: DeliveryRequest): Response {
  const { exchange } = deliveryRequest
  const view = viewOf(clock, deliveryRequest)
  const representation = { ...cached, headers: clientHeaders(cached.headers, view, cached.validatedAt) }
  let opened = false
  const response = finish(exchange, representation, (range) => {
    opened = true
    return range === undefined ? cached.body : slice(cached.body, range)
  })
  if (!opened) exchange.waitUntil(discardBody(cached.body))
  return response
}

/** Passes on a response of the origin, with the headers that depend on the request. */
export function passThrough(response: Response, view: ClientView): Response {
  const copy = mutable(response)
  copy.headers.delete(URL_REJECTED_HEADER)
  if (!response.ok && response.status !== 304) return copy
  copy.headers.delete('vary')
  const own = clientHeaders(Object.fromEntries(copy.headers), view)
  copy.headers.delete(LIFETIME_HEADER)
  for (const [name, value] of Object.entries(own)) copy.headers.set(name, value)
  return copy
}

/** Returns the headers of an origin's response that are shared by all clients. */
export function storedHeaders(response: Response): HeaderRecord {
  const headers: HeaderRecord = Object.fromEntries(response.headers)
  for (const name of [...HOP_HEADERS, 'vary', 'x-request-id']) delete headers[name]
  return headers
}

/** Builds the representation for a client from shared headers. */
export function describe(headers: HeaderRecord, sizeBytes: number, view: ClientView): Representation {
  const lastModified = headers['last-modified']
  return {
    headers: clientHeaders(headers, view),
    sizeBytes,
    etag: headers.etag,
    lastModified: lastModified === undefined ? undefined : new Date(lastModified),
  }
}

/**
 * Returns the headers for a client. Two URLs of one rendition may differ in whether they negotiate the format
 * and in the expiry of their signatures, and the cached rendition has its own lifetime. `saidAtMs` is when
 * the origin validated it.
 */
function clientHeaders(
  headers: HeaderRecord,
  { request, nowMs }: ClientView,
  saidAtMs = nowMs,
): HeaderRecord {
  const { [LIFETIME_HEADER]: lifetime, ...own }: HeaderRecord = headers
  if (request.kind !== 'file' && request.negotiable) own.vary = 'Accept'
  if (request.kind === 'verified-external' || request.kind === 'attachment') {
    const { expiresAt = Number.POSITIVE_INFINITY } = request
    const { seconds = Number.POSITIVE_INFINITY } = parseLifetime(lifetime) ?? {}
    const endsAt = Math.min(expiresAt, saidAtMs / 1000 + seconds)
    own['cache-control'] =
      endsAt === Number.POSITIVE_INFINITY
        ? mediaCacheControl(headers['content-type'] ?? '')
        : expiringCacheControl(endsAt, nowMs / 1000)
  }
  return own
}
