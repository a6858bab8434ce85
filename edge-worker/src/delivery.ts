/** Delivers media from the cache or from the origin, with one origin request for concurrent clients. */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse } from '@media-proxy/shared/response/headers.ts'
import { fromCache } from './client-answer.ts'
import {
  type Delivery,
  type DeliveryRequest,
  entryOf,
  isClip,
  lookUp,
  settleWith,
} from './delivery-request.ts'
import type { Delivered } from './exchange.ts'
import { asLeader, fetchWhole, type LeaderResult } from './leader.ts'
import type { LocalFlight } from './local-flights.ts'
import { deliverPart, isPartial } from './partial-delivery.ts'
import { pause } from './pause.ts'
import type { LeaderOutcome } from './single-flight.ts'

/** When the origin responds within this time, the coordinator is not involved. In milliseconds. */
const QUICK_MS = 100
/** The number of abandoned flights after which a follower requests the origin itself. */
const MAX_FLIGHTS = 5

/** Delivers media from the cache, or from the origin through the single flight. Fails as the origin does. */
export async function deliver(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
): Promise<Delivered | Failure> {
  const { cache, localFlights } = delivery
  const { exchange } = deliveryRequest
  const { cached, purgedAt } = await exchange.timings.measure('cache', () =>
    lookUp(delivery, deliveryRequest),
  )
  if (cached?.fresh) return { response: fromCache(cached, delivery, deliveryRequest), cache: 'HIT' }
  await discardBody(cached?.body)
  if (cached === undefined && ((await cache.missingSince(deliveryRequest.url)) ?? 0) > purgedAt)
    return { response: failureResponse(fail('not-found'), exchange.requestId), cache: 'HIT' }
  if (cached === undefined && !deliveryRequest.whole && isPartial(exchange))
    return deliverPart(delivery, deliveryRequest, purgedAt < delivery.now())

  const local = localFlights.begin(deliveryRequest.url)
  if (local !== undefined) return leadInIsolate(delivery, deliveryRequest, local)
  const found = await exchange.timings.measure('flight', () => localFlights.wait(deliveryRequest.url))
  if (found.kind !== 'slow') {
    const shared = await follow(delivery, deliveryRequest, found)
    if (shared !== undefined) return shared
  }
  return deliverByCoordinator(delivery, deliveryRequest)
}

/** Sends the isolate's first request to the origin at once, and joins the coordinator if that takes long. */
async function leadInIsolate(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  local: LocalFlight,
): Promise<Delivered | Failure> {
  const { singleFlight } = delivery
  const { exchange } = deliveryRequest
  const work = asLeader(delivery, deliveryRequest)
  // The work continues when its client disconnects, because others wait for it.
  exchange.waitUntil(outcomeOf(work).then(local.end, () => local.end({ kind: 'abandoned' })))
  const quick = await Promise.race([work, pause(QUICK_MS)])
  if (quick !== undefined) return quick.delivered

  const role = await exchange.timings.measure('flight', () =>
    singleFlight.join(deliveryRequest.url, isClip(deliveryRequest)),
  )
  local.slow()
  if (role.kind === 'lead') {
    exchange.waitUntil(settleWith(role, outcomeOf(work)))
    return (await work).delivered
  }
  // Another isolate leads. The origin coalesces the request of this isolate with that of the leader.
  const first = await Promise.race([work, role.outcome])
  if ('delivered' in first) return first.delivered
  const shared = await follow(delivery, deliveryRequest, first)
  if (shared === undefined) return (await work).delivered
  exchange.waitUntil(
    work.then(({ delivered }) => (isFailure(delivered) ? undefined : discardBody(delivered.response.body))),
  )
  return shared
}

/** Delivers through the coordinator when another request of this isolate was first. */
async function deliverByCoordinator(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
): Promise<Delivered | Failure> {
  const { exchange } = deliveryRequest
  for (let call = 0; call < MAX_FLIGHTS; call += 1) {
    const role = await exchange.timings.measure('flight', () =>
      delivery.singleFlight.join(deliveryRequest.url, isClip(deliveryRequest)),
    )
    if (role.kind === 'lead') {
      const work = asLeader(delivery, deliveryRequest)
      exchange.waitUntil(settleWith(role, outcomeOf(work)))
      return (await work).delivered
    }
    const outcome = await exchange.timings.measure('flight', () => role.outcome)
    if (outcome.kind === 'uncached') break
    const shared = await follow(delivery, deliveryRequest, outcome)
    if (shared !== undefined) return shared
  }
  const rejected = await deliveryRequest.beforeRender()
  if (rejected !== undefined) return rejected
  const entry = await entryOf(delivery, deliveryRequest)
  const { delivered } = await fetchWhole(delivery, deliveryRequest, entry)
  return delivered
}

async function outcomeOf(work: Promise<LeaderResult>): Promise<LeaderOutcome> {
  return (await work).outcome
}

/**
 * Builds a follower's response from the leader's outcome. Undefined when the follower has to request again.
 */
async function follow(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  outcome: LeaderOutcome,
): Promise<Delivered | undefined> {
  if (outcome.kind === 'rejected') {
    const { text, status, headers } = outcome.rejection
    const own = { ...headers, 'x-request-id': deliveryRequest.exchange.requestId }
    return { response: new Response(text, { status, headers: own }), cache: 'COALESCED' }
  }
  if (outcome.kind !== 'cached') return undefined
  const { cached } = await lookUp(delivery, deliveryRequest)
  return cached === undefined
    ? undefined
    : { response: fromCache(cached, delivery, deliveryRequest), cache: 'COALESCED' }
}
