/**
 * Detection of request loops. An external server could redirect to a URL that makes the service request that
 * server again, without end. Requests to external servers therefore carry the service's name in `CDN-Loop`
 * (RFC 8586), and requests with its own name are rejected. The name is an HMAC, because unrelated deployments
 * may request each other.
 */

import { encodeHex } from '../encoding/hex.ts'
import { type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

export const LOOP_HEADER = 'cdn-loop'
const PREFIX = 'media-proxy-'
const MESSAGE = 'cdn-loop'
const NAME = new RegExp(`^${PREFIX}([0-9a-f]{${2 * SIGNATURE_BYTES}})$`)
/** The number of names that are checked; the rest of a longer list is ignored. */
const MAX_NAMES = 20

/** Returns the name that requests to external servers carry. */
export async function ownName(ring: KeyRing): Promise<string> {
  return PREFIX + encodeHex(await sign(ring, MESSAGE))
}

/** Whether a request carries the name of this service. */
export async function isOwnRequest(headers: Headers, ring: KeyRing): Promise<boolean> {
  const names = headers.get(LOOP_HEADER)?.split(',', MAX_NAMES) ?? []
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
