/** Static mode: a bucket as a web site's host, the same at both doors (contract, section 12). */

import { decodeObjectKey } from '../request/object-key.ts'
import { CONDITIONAL_HEADERS, checkConditions, requestedRange } from '../response/conditional.ts'
import { CORS_HEADERS, preflightResponse } from '../response/cors.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { representationHeaders, unsatisfiable } from '../response/finish.ts'
import { headResponse, objectResponse } from './object-response.ts'
import type { ObjectInfo, ObjectStore } from './store.ts'

export interface StaticRequest {
  readonly method: string
  readonly headers: Headers
  readonly requestId: string
  readonly signal?: AbortSignal
}

const ALLOW = 'GET, HEAD, OPTIONS'

/** Answers from the bucket what stands at the raw path, streamed, with its stored headers. */
export async function serveStaticSite(
  store: Pick<ObjectStore, 'head' | 'get'>,
  bucket: string,
  rawPath: string,
  request: StaticRequest,
): Promise<Response | Failure> {
  const { method, headers, requestId, signal } = request
  if (method === 'OPTIONS') return preflightResponse(ALLOW, requestId)
  if (method !== 'GET' && method !== 'HEAD')
    return fail('method-not-allowed', method.slice(0, 20), { allow: ALLOW })
  if (rawPath === '/') return fail('not-found', 'no index')
  const key = decodeObjectKey(rawPath.slice(1).split('/'))
  if (isFailure(key)) return key

  const conditional = CONDITIONS.some((name) => headers.has(name))
  if (method === 'HEAD' || conditional) {
    const info = await store.head(bucket, key, signal)
    if (isFailure(info)) return info
    const own = headersOf(info, requestId)
    const verdict = checkConditions(headers, info)
    if (verdict === 'precondition-failed') return fail(verdict)
    if (verdict === 'not-modified') return new Response(null, { status: 304, headers: own })
    if (method === 'HEAD') return headResponse(info, own)
    return open(store, bucket, key, request, info)
  }
  return open(store, bucket, key, request, undefined)
}

const CONDITIONS = [...CONDITIONAL_HEADERS, 'if-range']

async function open(
  store: Pick<ObjectStore, 'get'>,
  bucket: string,
  key: string,
  { headers, requestId, signal }: StaticRequest,
  known: ObjectInfo | undefined,
): Promise<Response | Failure> {
  const range = requestedRange(headers, known)
  const object = await store.get(bucket, key, {
    ...(range === undefined ? {} : { range }),
    ...(signal === undefined ? {} : { signal }),
  })
  if (isFailure(object)) {
    const size = /\d+$/.exec(object.headers?.['content-range'] ?? '')?.[0]
    return object.code === 'range-not-satisfiable' && size !== undefined
      ? unsatisfiable(Number(size), requestId)
      : object
  }
  return objectResponse(object, headersOf(object.info, requestId))
}

/** A site's own types and life: nothing is neutralised, nothing sandboxed. */
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
