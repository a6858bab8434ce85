import { isEdgeClaimed } from '@media-proxy/shared/signing/edge-request.ts'

/**
 * Headers that proxies, tunnels and load balancers add
 * (RFC 7239, RFC 9110 section 7.6.3, and de facto names).
 */
const ADDED_BY_PROXIES = /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|true-client-ip|cf-.*)$/

/**
 * Whether a proxy forwarded a request. A peer on this machine then acts for another
 * client. `viaEdge` means that our worker signed the request: such requests carry
 * `CF-Worker`, and their signature is more reliable than the header.
 */
export function isPassedOn(headers: Headers, viaEdge: boolean): boolean {
  if (isEdgeClaimed(headers) && !viaEdge) return true
  return [...headers.keys()].some((name) => ADDED_BY_PROXIES.test(name) && !(viaEdge && name === 'cf-worker'))
}
