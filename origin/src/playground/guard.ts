/**
 * Access control of the playground. It prevents two attacks: another web page that sends requests through the
 * browser of a user (its `Origin` differs), and a page whose host name was rebound to the address of this
 * machine (its `Host` is not one of the service's hosts).
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { ASKED_HOST_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { Exchange } from '../routes/exchange.ts'

/** Fails with `forbidden` when a request does not come from a page on one of the service's own hosts. */
export function validatePage(exchange: Exchange, publicUrls: readonly string[]): Failure | undefined {
  const host = requestedHost(exchange)
  if (!isOwnHost(host, publicUrls)) return fail('forbidden', 'the Host header does not name the playground')
  const origin = exchange.headers.get('origin') ?? ''
  if (!URL.canParse(origin) || new URL(origin).host !== host) {
    return fail('forbidden', 'a page of another origin')
  }
  const site = exchange.headers.get('sec-fetch-site') ?? 'same-origin'
  return site === 'same-origin' ? undefined : fail('forbidden', 'a request from another site')
}

/** Fails with `forbidden` when the page is requested under a host name that is not one of the service's. */
export function validateHost(exchange: Exchange, publicUrls: readonly string[]): Failure | undefined {
  return isOwnHost(requestedHost(exchange), publicUrls)
    ? undefined
    : fail('forbidden', 'the Host header does not name the playground')
}

/**
 * Returns the requested host. The edge reports the host of the
 * original request. That header is ignored from any other peer.
 */
function requestedHost({ viaEdge, headers }: Exchange): string {
  return (viaEdge ? headers.get(ASKED_HOST_HEADER) : headers.get('host'))?.toLowerCase() ?? ''
}

/**
 * Whether a host is one of the service's. A name can be rebound to any address, an address cannot, and
 * browsers never resolve `localhost` with DNS.
 */
function isOwnHost(host: string, publicUrls: readonly string[]): boolean {
  if (!URL.canParse(`http://${host}`)) return false
  const { hostname } = new URL(`http://${host}`)
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || hostname.startsWith('[')
  return isAddress || hostname === 'localhost' || publicUrls.some((url) => host === new URL(url).host)
}
