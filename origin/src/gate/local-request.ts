import ipaddr from 'ipaddr.js'
import { isPassedOn } from './proxy-headers.ts'

export interface ReceivedFrom {
  /** The address of the other end of the connection. */
  readonly peer: string
  readonly viaEdge: boolean
  readonly clientAddress: string
  readonly headers: Headers
}

/**
 * Whether the request comes from this machine without a proxy in between, as far as the headers show. A
 * loopback peer is not enough, because a proxy or tunnel on this machine forwards requests of other clients.
 */
export function isLocal({ peer, viaEdge, clientAddress, headers }: ReceivedFrom): boolean {
  if (!isLoopback(peer) || (viaEdge && !isLoopback(clientAddress))) return false
  return !isPassedOn(headers, viaEdge)
}

/**
 * Whether a `Host` header names this machine. A web page in a browser on this machine can make its own host
 * name resolve to this machine (DNS rebinding). HTTP/1.0 has no `Host`, and no browser omits it.
 */
export function namesThisMachine(host: string | null): boolean {
  if (host === null) return true
  const hostname = URL.parse(`http://${host}`)?.hostname
  return hostname === 'localhost' || (hostname !== undefined && isLoopback(hostname.replace(/^\[|\]$/g, '')))
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'
}
