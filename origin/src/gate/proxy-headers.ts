import { isEdgeClaimed } from '@media-proxy/shared/signing/edge-request.ts'

/** What proxies, tunnels and load balancers add (RFC 7239, RFC 9110 section 7.6.3, and names in use). */
const ADDED_BY_PROXIES = /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|true-client-ip|cf-.*)$/

/**
 * Whether somebody passed a request on: a peer on this very machine then speaks for a stranger. `viaEdge`: signed by our
 * worker, whose requests carry `CF-Worker` and of which the signature says more.
 */
export function isPassedOn(headers: Headers, viaEdge: boolean): boolean {
  if (isEdgeClaimed(headers) && !viaEdge) return true
  return [...headers.keys()].some((name) => ADDED_BY_PROXIES.test(name) && !(viaEdge && name === 'cf-worker'))
}
