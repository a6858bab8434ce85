/** Answers made of stored objects: their length and ranges as far as the store tells them. */

import { contentRange } from '../response/conditional.ts'
import type { HeaderRecord } from '../response/headers.ts'
import type { ObjectInfo, StoredObject } from './store.ts'

/** 200 with the whole, or 206 with the part that was opened. */
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

/** What a whole is answered with, without its body. */
export function headResponse(info: ObjectInfo, headers: HeaderRecord): Response {
  return new Response(null, { headers: { ...headers, ...lengthHeaders(info) } })
}

/** Of what has no length no part is given either. */
function lengthHeaders({ sizeBytes }: ObjectInfo): HeaderRecord {
  return sizeBytes === undefined ? { 'accept-ranges': 'none' } : { 'content-length': String(sizeBytes) }
}
