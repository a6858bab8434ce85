/** Signatures of external URLs (contract, section 5). Only a key holder can make the service fetch a URL. */

import { decodeBase64Url, encodeBase64Url } from '../encoding/base64url.ts'
import { decodeHex } from '../encoding/hex.ts'
import { decodeExternalTarget, encodeExternalTarget } from '../request/external-target.ts'
import type { ExternalRequest, VerifiedExternal } from '../request/media-request.ts'
import { PARAMETER_GUIDE } from '../request/parameter-guide.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

/**
 * Returns the signed text: the target with the expiry, if any, or, for a `v3` target, with all parameters.
 */
function externalMessage({
  rawTarget,
  expiresAt,
  signedParameters,
}: Pick<ExternalRequest, 'rawTarget' | 'expiresAt' | 'signedParameters'>): string {
  const signed = signedParameters ?? (expiresAt === undefined ? '' : `ex=${expiresAt}`)
  return signed === '' ? rawTarget : `${rawTarget}?${signed}`
}

/**
 * Returns the parameters of a query as a signature covers them: known parameters, decoded, sorted by name,
 * with the first value of a repeated one.
 */
export function parametersToSign(query: URLSearchParams): string {
  return SIGNED_PARAMETERS.flatMap((name) => {
    const value = query.get(name)
    return value === null ? [] : [`${name}=${value}`]
  }).join('&')
}

const SIGNED_PARAMETERS = PARAMETER_GUIDE.filter(({ on }) => on !== 'asset')
  .map(({ name }) => name)
  .concat('ex')
  .sort()

/** Returns the base64url signature of a raw target. `expiresAt` is in unix seconds. */
export async function signExternalTarget(
  ring: KeyRing,
  rawTarget: string,
  expiresAt?: number,
): Promise<string> {
  return signMessage(ring, externalMessage({ rawTarget, ...(expiresAt === undefined ? {} : { expiresAt }) }))
}

/** Returns the path of an external URL whose signature also covers the query parameters (`v3`). */
export async function signExternalPath(ring: KeyRing, url: string, query: URLSearchParams): Promise<string> {
  const rawTarget = encodeExternalTarget(url, 'v3')
  const message = externalMessage({ rawTarget, signedParameters: parametersToSign(query) })
  return `/external/${await signMessage(ring, message)}/${rawTarget}`
}

async function signMessage(ring: KeyRing, message: string): Promise<string> {
  return encodeBase64Url(await sign(ring, message))
}

/**
 * Verifies an external request in the order of the contract: signature, expiry, decoding of the target. Fails
 * with `bad-signature`, `expired`, `bad-request` or `address-rejected`. `nowSeconds` is unix time.
 */
export async function verifyExternal(
  request: ExternalRequest,
  ring: KeyRing,
  nowSeconds: number,
): Promise<VerifiedExternal | Failure> {
  const signature = decodeSignature(request.signature)
  if (signature === undefined) return fail('bad-signature', 'not a canonical signature')
  if (!(await verify(ring, externalMessage(request), signature))) {
    return fail('bad-signature')
  }
  if (request.expiresAt !== undefined && nowSeconds >= request.expiresAt) return fail('expired')
  const url = decodeExternalTarget(request.rawTarget)
  return isFailure(url) ? url : { ...request, kind: 'verified-external', url }
}

/** Decodes base64url without padding (43 characters) or lower-case hex (64). Undefined for anything else. */
function decodeSignature(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length === 2 * SIGNATURE_BYTES) return decodeHex(text)
  const bytes = text.length === 43 ? decodeBase64Url(text) : undefined
  return bytes?.length === SIGNATURE_BYTES ? bytes : undefined
}
