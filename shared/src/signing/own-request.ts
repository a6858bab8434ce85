/**
 * Requests of this service to itself. A far server may redirect to a URL that makes the service ask that server again,
 * which would go on for ever; so what it sends to far servers carries its name (RFC 8586), and what carries its name is
 * refused. The name is an HMAC, since deployments that know nothing of each other may well ask each other.
 */

import { encodeHex, type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

export const LOOP_HEADER = 'cdn-loop'
const PREFIX = 'media-proxy-'
const MESSAGE = 'cdn-loop'
const NAME = new RegExp(`^${PREFIX}([0-9a-f]{${2 * SIGNATURE_BYTES}})$`)
/** Of a list that is longer, the rest is not looked at. */
const MOST_NAMES = 20

/** What requests to far servers carry. */
export async function ownName(ring: KeyRing): Promise<string> {
  return PREFIX + encodeHex(await sign(ring, MESSAGE))
}

/** Tells whether a request carries the name of this service. */
export async function isOwnRequest(headers: Headers, ring: KeyRing): Promise<boolean> {
  const names = headers.get(LOOP_HEADER)?.split(',', MOST_NAMES) ?? []
  for (const name of names) {
    const digits = NAME.exec(name.split(';', 1).join('').trim())?.[1]
    if (digits === undefined) continue
    const mac = Uint8Array.from({ length: SIGNATURE_BYTES }, (_, at) =>
      Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
    )
    if (await verify(ring, MESSAGE, mac)) return true
  }
  return false
}
