/** Who is asking, and whether the origin answers them (contract, section 11). */

import type { MediaRequest } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ReadableHeaders } from '@media-proxy/shared/response/headers.ts'
import {
  EDGE_REFUSED_HEADER,
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
  /** Hears of each request that carries `X-Forwarded-For` from a near peer that `trustedProxies` does not name. */
  readonly onUntrustedProxy: (peer: string) => void
  /** Of `edgeSecretKey`; undefined where none is set: then no edge signature can be right. */
  readonly edgeRing: KeyRing | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Arrival {
  readonly method: string
  /** Raw path and query. */
  readonly path: string
  readonly headers: ReadableHeaders
  /** Address of the socket's other end. */
  readonly peer: string
}

export interface Admitted {
  readonly clientAddress: string
  /** Signed by the edge worker, which has checked its budgets already. */
  readonly viaEdge: boolean
}

/**
 * Checks an arrival, at once where there is no signature to verify. Fails with `forbidden`. A wrong edge signature is never
 * treated as none.
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
        [EDGE_REFUSED_HEADER]: 'unsigned',
      })
    }
    if (isUntrustedProxy(arrival, options)) options.onUntrustedProxy(arrival.peer)
    return { clientAddress: clientAddressOf(arrival, options), viaEdge: false }
  }
}

/** What has to be reachable past the gate: health for the machine's keepers, the internal endpoints by their secret. */
export function isGated(request: MediaRequest | Failure): boolean {
  if (isFailure(request) || request.kind !== 'endpoint') return true
  // `/_metrics` has a rule of its own, which is narrower.
  return request.endpoint === 'telemetry' || request.endpoint === 'openapi'
}

/**
 * The client behind the peer. A peer in Cloudflare's ranges is believed in `CF-Connecting-IP` alone; a trusted proxy
 * in `X-Forwarded-For`, which is walked from the right, since everything left of the last trusted hop is a claim.
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

/** `address`, `address:port`, `[v6]` or `[v6]:port`; undefined for anything else, such as `unknown`. */
function addressOfHop(hop: string): string | undefined {
  const address = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(hop)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(hop)?.[1] ?? hop
  // The parser of addresses takes `8` for one too.
  const isAddress = address.includes(':')
    ? ipaddr.IPv6.isValid(address)
    : ipaddr.IPv4.isValidFourPartDecimal(address)
  return isAddress ? address : undefined
}

/**
 * Whether a request came through a proxy that is not trusted though it stands near: all its clients then share one budget
 * and one address in the log.
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
