/** From what is kept for everybody to what one client gets of it. */

import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { finish, type Representation } from '@media-proxy/shared/response/finish.ts'
import {
  expiringCacheControl,
  type HeaderRecord,
  mediaCacheControl,
} from '@media-proxy/shared/response/headers.ts'
import { LIFE_HEADER, readLife } from '@media-proxy/shared/response/life.ts'
import { URL_REFUSED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { CachedAnswer } from './cache.ts'
import type { EdgeExchange } from './exchange.ts'
import { mutable, WAY_HEADERS } from './forward.ts'
import { slice } from './slice.ts'

/** Whose answer it is, and when. */
export interface ClientView {
  readonly request: SourceRequest
  /** Milliseconds since the epoch. */
  readonly nowMs: number
}

/** How a client sees what is delivered to it now. */
export function viewOf(
  { now }: { readonly now: () => number },
  { request }: { readonly request: SourceRequest },
): ClientView {
  return { request, nowMs: now() }
}

/** A kept answer, finished for what this client asked of it. */
export function fromCache(cached: CachedAnswer, view: ClientView, exchange: EdgeExchange): Response {
  const representation = { ...cached, headers: clientHeaders(cached.headers, view, cached.confirmedAt) }
  let opened = false
  const response = finish(exchange, representation, (range) => {
    opened = true
    return range === undefined ? cached.body : slice(cached.body, range)
  })
  if (!opened) exchange.waitUntil(cached.body.cancel())
  return response
}

/** An answer of the origin that passes through, with the headers that are this request's own. */
export function passedThrough(response: Response, view: ClientView): Response {
  const copy = mutable(response)
  copy.headers.delete(URL_REFUSED_HEADER)
  if (!response.ok && response.status !== 304) return copy
  copy.headers.delete('vary')
  const own = clientHeaders(Object.fromEntries(copy.headers), view)
  copy.headers.delete(LIFE_HEADER)
  for (const [name, value] of Object.entries(own)) copy.headers.set(name, value)
  return copy
}

/** What of an origin's answer is everybody's. */
export function storedHeaders(response: Response): HeaderRecord {
  const headers: HeaderRecord = Object.fromEntries(response.headers)
  for (const name of [...WAY_HEADERS, 'vary', 'x-request-id']) delete headers[name]
  return headers
}

/** What is finished for a client, of headers that are everybody's. */
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
 * What is the request's and not the entry's: two URLs of one rendition may differ in whether they negotiate, and in
 * how long their signatures are good, while the kept rendition has a life of its own.
 */
function clientHeaders(
  headers: HeaderRecord,
  { request, nowMs }: ClientView,
  saidAtMs = nowMs,
): HeaderRecord {
  const { [LIFE_HEADER]: life, ...own }: HeaderRecord = headers
  if (request.kind !== 'file' && request.negotiable) own.vary = 'Accept'
  if (request.kind === 'verified-external' || request.kind === 'attachment') {
    const { expiresAt = Number.POSITIVE_INFINITY } = request
    const { seconds = Number.POSITIVE_INFINITY } = readLife(life) ?? {}
    const endsAt = Math.min(expiresAt, saidAtMs / 1000 + seconds)
    own['cache-control'] =
      endsAt === Number.POSITIVE_INFINITY
        ? mediaCacheControl(headers['content-type'] ?? '')
        : expiringCacheControl(endsAt, nowMs / 1000)
  }
  return own
}
