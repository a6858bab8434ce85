/**
 * Who may drive the playground. Two attacks are met here: a strange web page that sends requests through somebody's
 * browser (its `Origin` is another), and one whose name was rebound to this machine's address (its `Host` is a name
 * that is none of ours, and says so).
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { ASKED_HOST_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import { isPassedOn } from '../gate/proxy-headers.ts'
import type { Exchange } from '../routes/exchange.ts'

/** Fails with `forbidden` where a request comes from no page of this service's own hosts. */
export function validatePage(exchange: Exchange, publicUrls: readonly string[]): Failure | undefined {
  const host = askedHost(exchange)
  if (!isOwnHost(host, publicUrls)) return fail('forbidden', 'a host that is not the playground’s')
  const origin = exchange.headers.get('origin') ?? ''
  if (!URL.canParse(origin) || new URL(origin).host !== host) {
    return fail('forbidden', 'a page of another origin')
  }
  const site = exchange.headers.get('sec-fetch-site') ?? 'same-origin'
  return site === 'same-origin' ? undefined : fail('forbidden', 'a request from another site')
}

/** Fails with `forbidden` where the page is asked for by a name that is none of this service's. */
export function validateHost(exchange: Exchange, publicUrls: readonly string[]): Failure | undefined {
  return isOwnHost(askedHost(exchange), publicUrls)
    ? undefined
    : fail('forbidden', 'a host that is not the playground’s')
}

/** Somebody at this very machine: nothing stands between, as far as headers can tell. */
export function isLocal({ peer, viaEdge, clientAddress, headers }: Exchange): boolean {
  if (!isLoopback(peer) || (viaEdge && !isLoopback(clientAddress))) return false
  return !isPassedOn(headers, viaEdge)
}

function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/.test(address)
}

/** The edge tells by which host it was asked; nobody else is believed about it. */
function askedHost({ viaEdge, headers }: Exchange): string {
  return (viaEdge ? headers.get(ASKED_HOST_HEADER) : headers.get('host'))?.toLowerCase() ?? ''
}

/** A name can be rebound to any address, an address cannot; `localhost` is never looked up by a browser. */
function isOwnHost(host: string, publicUrls: readonly string[]): boolean {
  if (!URL.canParse(`http://${host}`)) return false
  const { hostname } = new URL(`http://${host}`)
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || hostname.startsWith('[')
  return isAddress || hostname === 'localhost' || publicUrls.some((url) => host === new URL(url).host)
}
