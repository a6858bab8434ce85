/** Stored objects under conditions and by parts, also where they are replaced while they are asked for. */

import {
  CONDITIONAL_HEADERS,
  checkConditions,
  type RangeRequest,
  requestedRange,
} from '../response/conditional.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { type ObjectInfo, type StoredObject, validatorOf } from './store.ts'

/** How one object is read. */
export interface ObjectReader {
  head(): Promise<ObjectInfo | Failure>
  get(range?: RangeRequest): Promise<StoredObject | Failure>
}

export interface ConditionalRequest {
  readonly method: string
  readonly headers: Headers
}

/** What a GET or HEAD comes to. */
export type ConditionalObject =
  | { readonly kind: 'precondition-failed' | 'not-modified' | 'head'; readonly info: ObjectInfo }
  | { readonly kind: 'opened'; readonly object: StoredObject }

/** How often an object may be replaced, or called another one, while it is asked for. */
const MOST_REPLACEMENTS = 3

/**
 * Opens what a request asks for of an object. Its validators are asked for first only where something depends on them; what
 * is opened then and is another object already is judged anew, or a part of it would complete a copy of the old one. Fails as the
 * store does, and with `store-unreachable` for what is another object whenever it is asked for.
 */
export async function openConditionally(
  { head, get }: ObjectReader,
  request: ConditionalRequest,
): Promise<ConditionalObject | Failure> {
  const { method, headers } = request
  const first = needsValidators(request) ? await head() : undefined
  if (isFailure(first)) return first
  let info = first
  for (let replaced = 0; replaced <= MOST_REPLACEMENTS; replaced += 1) {
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
      await object.body.cancel()
      info = object.info
    }
  }
  return fail('store-unreachable', 'the object changed whenever it was read')
}

/** What can only be decided with the validators in hand. */
function needsValidators({ method, headers }: ConditionalRequest): boolean {
  return (
    method === 'HEAD' ||
    CONDITIONAL_HEADERS.some((name) => headers.has(name)) ||
    (headers.has('range') && headers.has('if-range'))
  )
}
