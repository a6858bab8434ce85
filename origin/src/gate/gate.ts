/** Identifies the client of a request and decides whether the origin serves it (contract, section 11). */

import type { MediaRequest } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ReadableHeaders } from '@media-proxy/shared/response/headers.ts'
import {
  EDGE_REJECTED_HEADER,
  isEdgeClaimed,
  verifyEdgeRequest,
} from '@media-proxy/shared/signing/edge-request.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import ipaddr from 'ipaddr.js'
import type { AddressRanges } from './cloudflare-ranges.ts'

export interface GateOptions {
  readonly requireCloudflareEdge: boolean
  readonly cloudflare: AddressRanges
  readonly trustedProxies: AddressRanges
  /**
   * Called for each request that carries `X-Forwarded-For` and comes from a nearby peer that is not in
   * `trustedProxies`.
   */
  readonly onUntrustedProxy: (peer: string) => void
  /**
   * The keys derived from `edgeSecretKey`. Undefined when it is not set, so that no edge signature is valid.
   */
  readonly edgeRing: KeyRing | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Arrival {
  readonly method: string
  /** The raw path and query. */
  readonly path: string
  readonly headers: ReadableHeaders
  /** The address of the other end of the socket. */
  readonly peer: string
}

export interface Admitted {
  readonly clientAddress: string
  /** Whether the edge worker signed the request. It has then applied its rate limits already. */
  readonly viaEdge: boolean
}

/**
 * Checks an incoming request, synchronously when there is no signature to verify. Fails with `forbidden`. A
 * wrong edge signature is never treated as a missing one.
 */
export type Gate = (arrival: Arrival) => Admitted | Failure | Promise<Admitted | Failure>

export function createGate(options: GateOptions): Gate {
  const { requireCloudflareEdge, cloudflare, edgeRing, now } = options
  const admitEdge = async (arrival: Arrival) => {
    const verified = await verifyEdgeRequest(edgeRing, arrival, arrival.headers, now())
    return isFailure(verified) ? verified : { clientAddress: verified.clientAddress, viaEdge: true }
  }
  return (arrival) => {
    if (isEdgeClaimed(arrival.headers)) return admitEdge(arrival)
    if (requireCloudflareEdge && !cloudflare.includes(arrival.peer)) {
      return fail('forbidden', 'neither from Cloudflare nor signed by the edge', {
        [EDGE_REJECTED_HEADER]: 'unsigned',
      })
    }
    if (isUntrustedProxy(arrival, options)) options.onUntrustedProxy(arrival.peer)
    return { clientAddress: clientAddressOf(arrival, options), viaEdge: false }
  }
}

/**
 * Whether the gate applies to a request. It does not apply to the health endpoints, which orchestrators call,
 * nor to the internal endpoints, which require the secret.
 */
export function isGated(request: MediaRequest | Failure): boolean {
  if (isFailure(request) || request.kind !== 'endpoint') return true
  // `/_metrics` has its own, stricter rule.
  return request.endpoint === 'telemetry' || request.endpoint === 'openapi'
}

/**
 * Returns the address of the client behind the peer. From a peer in the ranges of Cloudflare, only
 * `CF-Connecting-IP` is trusted. From a trusted proxy, `X-Forwarded-For` is walked from the right, since
 * everything left of the last trusted hop is an unverified claim.
 */
function clientAddressOf({ headers, peer }: Arrival, { cloudflare, trustedProxies }: GateOptions): string {
  if (cloudflare.includes(peer)) {
    const claimed = headers.get('cf-connecting-ip') ?? ''
    return ipaddr.isValid(claimed) ? claimed : peer
  }
  let client = peer
  for (const hop of (headers.get('x-forwarded-for') ?? '').split(',').reverse()) {
    if (!trustedProxies.includes(client)) break
    const address = addressOfHop(hop.trim())
    if (address === undefined) break
    client = address
  }
  return client
}

/**
 * Parses `address`, `address:port`, `[v6]` or `[v6]:port`. Undefined for anything else, such as `unknown`.
 */
function addressOfHop(hop: string): string | undefined {
  const address = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(hop)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(hop)?.[1] ?? hop
  // ipaddr.js accepts `8` as an address as well.
  const isAddress = address.includes(':')
    ? ipaddr.IPv6.isValid(address)
    : ipaddr.IPv4.isValidFourPartDecimal(address)
  return isAddress ? address : undefined
}

/**
 * Whether a request came through a nearby proxy that is not trusted. All its clients then share one rate
 * limit and one address in the log.
 */
function isUntrustedProxy({ headers, peer }: Arrival, { cloudflare, trustedProxies }: GateOptions): boolean {
  if (!headers.has('x-forwarded-for') || !ipaddr.isValid(peer)) return false
  if (cloudflare.includes(peer) || trustedProxies.includes(peer)) return false
  return NEAR_RANGES.has(ipaddr.process(peer).range())
}

const NEAR_RANGES: ReadonlySet<string> = new Set([
  'private',
  'loopback',
  'linkLocal',
  'uniqueLocal',
  'carrierGradeNat',
])
