/**
 * Conditional requests and ranges of stored objects, including objects that are replaced during the request.
 */

import { discardBody } from '../discard-body.ts'
import {
  CONDITIONAL_HEADERS,
  checkConditions,
  type RangeRequest,
  requestedRange,
} from '../response/conditional.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { type ObjectInfo, type StoredObject, validatorOf } from './store.ts'

/** Reads one object. */
export interface ObjectReader {
  head(): Promise<ObjectInfo | Failure>
  get(range?: RangeRequest): Promise<StoredObject | Failure>
}

export interface ConditionalRequest {
  readonly method: string
  readonly headers: Headers
}

/** The outcome of a GET or HEAD. */
export type ConditionalObject =
  | { readonly kind: 'precondition-failed' | 'not-modified' | 'head'; readonly info: ObjectInfo }
  | { readonly kind: 'opened'; readonly object: StoredObject }

/** How often an object may change, or get a different validator, during one request. */
const MAX_REPLACEMENTS = 3

/**
 * Opens an object for a request. The validators are read first only if the result depends on them. If the
 * object then opened has other validators, the conditions are evaluated again, because the client could
 * otherwise combine a part of the new object with its copy of the old one. Fails as the store does, and with
 * `store-unreachable` for an object that changes on every read.
 */
export async function openConditionally(
  { head, get }: ObjectReader,
  request: ConditionalRequest,
): Promise<ConditionalObject | Failure> {
  const { method, headers } = request
  const first = needsValidators(request) ? await head() : undefined
  if (isFailure(first)) return first
  let info = first
  for (let replaced = 0; replaced <= MAX_REPLACEMENTS; replaced += 1) {
    const verdict = info && checkConditions(headers, info)
    if (info !== undefined && verdict !== undefined) return { kind: verdict, info }
    if (info !== undefined && method === 'HEAD') return { kind: 'head', info }
    const range = requestedRange(headers, info)
    const object = await get(range)
    if (isFailure(object)) {
      if (info === undefined || object.code !== 'range-not-satisfiable') return object
      const now = await head()
      if (isFailure(now)) return now
      if (validatorOf(now) === validatorOf(info)) return object
      info = now
    } else {
      const holds =
        checkConditions(headers, object.info) === undefined &&
        (range === undefined || requestedRange(headers, object.info) !== undefined)
      if (info === undefined || holds) return { kind: 'opened', object }
      await discardBody(object.body)
      info = object.info
    }
  }
  return fail('store-unreachable', 'the object changed during each read')
}

/** Whether a request depends on the validators of the object. */
function needsValidators({ method, headers }: ConditionalRequest): boolean {
  return (
    method === 'HEAD' ||
    CONDITIONAL_HEADERS.some((name) => headers.has(name)) ||
    (headers.has('range') && headers.has('if-range'))
  )
}
