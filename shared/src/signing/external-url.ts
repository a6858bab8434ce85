/** Signatures of external URLs (contract, section 5): only who holds a key can make the service fetch. */

import { decodeExternalTarget } from '../request/external-target.ts'
import type { ExternalRequest, VerifiedExternal } from '../request/media-request.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { decodeBase64Url, encodeBase64Url } from './base64url.ts'
import { type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

/** What is signed: the raw target, and the expiry where there is one. No other parameter is. */
export function externalMessage(rawTarget: string, expiresAt: number | undefined): string {
  return expiresAt === undefined ? rawTarget : `${rawTarget}?ex=${expiresAt}`
}

/** The base64url signature of a raw target. `expiresAt` in unix seconds. */
export async function signExternalTarget(
  ring: KeyRing,
  rawTarget: string,
  expiresAt?: number,
): Promise<string> {
  return encodeBase64Url(await sign(ring, externalMessage(rawTarget, expiresAt)))
}

/**
 * Checks an external request in the contract's order: signature, expiry, decoding of the target. Fails with
 * `bad-signature`, `expired`, `bad-request` or `address-refused`. `nowSeconds` is unix time.
 */
export async function verifyExternal(
  request: ExternalRequest,
  ring: KeyRing,
  nowSeconds: number,
): Promise<VerifiedExternal | Failure> {
  const signature = decodeSignature(request.signature)
  if (signature === undefined) return fail('bad-signature', 'not a canonical signature')
  if (!(await verify(ring, externalMessage(request.rawTarget, request.expiresAt), signature))) {
    return fail('bad-signature')
  }
  if (request.expiresAt !== undefined && nowSeconds >= request.expiresAt) return fail('expired')
  const url = decodeExternalTarget(request.rawTarget)
  return isFailure(url) ? url : { ...request, kind: 'verified-external', url }
}

/** Base64url without padding (43 characters) or lower-case hex (64); anything else is no signature. */
function decodeSignature(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length === 2 * SIGNATURE_BYTES) return decodeHex(text)
  const bytes = text.length === 43 ? decodeBase64Url(text) : undefined
  return bytes?.length === SIGNATURE_BYTES ? bytes : undefined
}

function decodeHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  const pairs = /^[0-9a-f]+$/.test(text) ? text.match(/../g) : null
  return pairs === null ? undefined : Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16))
}
