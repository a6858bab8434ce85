/** Delivers a part of a file that is not in the cache, and caches the whole file in the background. */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { passThrough, viewOf } from './client-answer.ts'
import {
  type Delivery,
  type DeliveryRequest,
  entryOf,
  isClip,
  lookUp,
  settleWith,
} from './delivery-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { pick } from './forward.ts'
import type { LeaderOutcome } from './single-flight.ts'
import { storeInBackground } from './storing.ts'

const PARTIAL_HEADERS = ['range', ...CONDITIONAL_HEADERS, 'if-range']

/** Whether a request is answered without a body, with a part of it, or only under a condition. */
export function isPartial({ method, headers }: EdgeExchange): boolean {
  return method === 'HEAD' || PARTIAL_HEADERS.some((name) => headers.has(name))
}

/** Requests only the client's part of a file, and fetches the whole in the background to cache it. */
export async function deliverPart(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  isKept: boolean,
): Promise<Delivered | Failure> {
  const { exchange } = deliveryRequest
  const { method, headers, timings } = exchange
  const response = await timings.measure('origin', () =>
    delivery.origin(
      { method, path: deliveryRequest.originPath, headers: pick(headers, PARTIAL_HEADERS) },
      exchange,
    ),
  )
  if (isFailure(response)) return response
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  const fits = total !== undefined && Number(total) <= delivery.maxEntryBytes
  if (isKept && response.status === 206 && fits)
    exchange.waitUntil(fetchWholeInBackground(delivery, deliveryRequest))
  return { response: passThrough(response, viewOf(delivery, deliveryRequest)), cache: 'BYPASS' }
}

/** Fetches the whole in the background. Players request only parts, which are never cached. */
async function fetchWholeInBackground(delivery: Delivery, deliveryRequest: DeliveryRequest): Promise<void> {
  const local = delivery.localFlights.begin(deliveryRequest.url)
  if (local === undefined) return
  try {
    const role = await delivery.singleFlight.join(deliveryRequest.url, isClip(deliveryRequest))
    local.slow()
    if (role.kind !== 'lead') return
    const outcome = storeWhole(delivery, deliveryRequest)
    await settleWith(role, outcome)
    await outcome
  } finally {
    local.end({ kind: 'slow' })
  }
}

async function storeWhole(delivery: Delivery, deliveryRequest: DeliveryRequest): Promise<LeaderOutcome> {
  const entry = await entryOf(delivery, deliveryRequest)
  const { cached } = await lookUp(delivery, deliveryRequest)
  await discardBody(cached?.body)
  if (cached?.fresh) return { kind: 'cached' }
  const response = await delivery.origin(
    { method: 'GET', path: deliveryRequest.originPath },
    deliveryRequest.exchange,
  )
  return isFailure(response)
    ? { kind: 'abandoned' }
    : storeInBackground(delivery, deliveryRequest.url, response, entry)
}
