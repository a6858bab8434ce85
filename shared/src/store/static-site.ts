/** Static mode: serves a bucket as a web site, from the edge and the origin (contract, section 12). */

import { discardBody } from '../discard-body.ts'
import { decodeObjectKey, type ObjectKey } from '../request/object-key.ts'
import { CORS_HEADERS, preflightResponse } from '../response/cors.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { representationHeaders, unsatisfiable } from '../response/finish.ts'
import { openConditionally } from './conditional-object.ts'
import { headResponse, objectResponse } from './object-response.ts'
import type { ObjectInfo, ObjectStore } from './store.ts'

export interface StaticRequest {
  readonly method: string
  readonly headers: Headers
  readonly requestId: string
  readonly signal?: AbortSignal
}

const ALLOW = 'GET, HEAD, OPTIONS'

/** The bucket of a site. */
export interface StaticBucket {
  readonly store: Pick<ObjectStore, 'head' | 'get'>
  readonly bucket: string
  /** The object that is served for a path that ends with a slash (`staticIndex`). */
  readonly index: string
}

/** The page that is served with status 404 for a missing object. Without it, the response is the phrase. */
const NOT_FOUND_PAGE = '404.html' as ObjectKey

/** Returns the key of a raw path. Fails with `bad-request`, also for another host (`//host/x`). */
export function staticKeyOf(rawPath: string, index: string): ObjectKey | Failure {
  const segments = rawPath.slice(1).split('/')
  return decodeObjectKey(
    segments.at(-1) === '' ? [...segments.slice(0, -1), encodeURIComponent(index)] : segments,
  )
}

/** Serves the object at a raw path from the bucket, streamed, with its stored headers. */
export async function serveStaticSite(
  site: StaticBucket,
  rawPath: string,
  request: StaticRequest,
): Promise<Response | Failure> {
  const { method, requestId } = request
  if (method === 'OPTIONS') return preflightResponse(ALLOW, requestId)
  if (method !== 'GET' && method !== 'HEAD')
    return fail('method-not-allowed', method.slice(0, 20), { allow: ALLOW })
  const key = staticKeyOf(rawPath, site.index)
  if (isFailure(key)) return key
  const answer = await serveObject(site, key, request)
  return isFailure(answer) && answer.code === 'not-found' ? notFound(site, answer, request) : answer
}

/**
 * Returns the site's page for missing objects, without validators, which would be those of a different page.
 */
async function notFound(
  { store, bucket }: StaticBucket,
  failure: Failure,
  { method, requestId, signal }: StaticRequest,
): Promise<Response | Failure> {
  const page = await store.get(bucket, NOT_FOUND_PAGE, signal === undefined ? {} : { signal })
  if (isFailure(page)) return failure
  const { etag: _, lastModified: __, ...info } = page.info
  const found = objectResponse(page, { ...headersOf(info, requestId), 'cache-control': 'no-store' })
  if (method !== 'HEAD') return new Response(found.body, { status: 404, headers: found.headers })
  await discardBody(found.body)
  return new Response(null, { status: 404, headers: found.headers })
}

async function serveObject(
  { store, bucket }: StaticBucket,
  key: ObjectKey,
  request: StaticRequest,
): Promise<Response | Failure> {
  const { requestId, signal } = request
  const outcome = await openConditionally(
    {
      head: () => store.head(bucket, key, signal),
      get: (range) =>
        store.get(bucket, key, {
          ...(range === undefined ? {} : { range }),
          ...(signal === undefined ? {} : { signal }),
        }),
    },
    request,
  )
  if (isFailure(outcome)) {
    const size = /\d+$/.exec(outcome.headers?.['content-range'] ?? '')?.[0]
    return outcome.code === 'range-not-satisfiable' && size !== undefined
      ? unsatisfiable(Number(size), requestId)
      : outcome
  }
  switch (outcome.kind) {
    case 'precondition-failed':
      return fail(outcome.kind)
    case 'not-modified':
      return new Response(null, { status: 304, headers: headersOf(outcome.info, requestId) })
    case 'head':
      return headResponse(outcome.info, headersOf(outcome.info, requestId))
    case 'opened':
      return objectResponse(outcome.object, headersOf(outcome.object.info, requestId))
  }
}

/** Returns the headers of an object with its own type and lifetime. Nothing is made inert or sandboxed. */
function headersOf(info: ObjectInfo, requestId: string) {
  return representationHeaders(
    {
      ...info,
      headers: {
        'content-type': info.contentType ?? 'application/octet-stream',
        'cache-control': info.cacheControl ?? 'public, max-age=0, must-revalidate',
        'accept-ranges': 'bytes',
        ...CORS_HEADERS,
        'cross-origin-resource-policy': 'cross-origin',
        'x-content-type-options': 'nosniff',
      },
    },
    requestId,
  )
}
