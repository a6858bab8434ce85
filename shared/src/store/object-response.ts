/** Responses for stored objects, with a length and ranges if the store reports them. */

import { contentRange } from '../response/conditional.ts'
import type { HeaderRecord } from '../response/headers.ts'
import type { ObjectInfo, StoredObject } from './store.ts'

/** Returns a 200 with the whole object, or a 206 with the opened part. */
export function objectResponse({ info, range, body }: StoredObject, headers: HeaderRecord): Response {
  if (range === undefined) return new Response(body, { headers: { ...headers, ...lengthHeaders(info) } })
  return new Response(body, {
    status: 206,
    headers: {
      ...headers,
      'content-length': String(range.end - range.start + 1),
      'content-range': contentRange(range, info.sizeBytes),
    },
  })
}

/** Returns a 200 for the whole object, without its body. */
export function headResponse(info: ObjectInfo, headers: HeaderRecord): Response {
  return new Response(null, { headers: { ...headers, ...lengthHeaders(info) } })
}

/** Returns the length of an object. An object of unknown length does not support ranges. */
function lengthHeaders({ sizeBytes }: ObjectInfo): HeaderRecord {
  return sizeBytes === undefined ? { 'accept-ranges': 'none' } : { 'content-length': String(sizeBytes) }
}
