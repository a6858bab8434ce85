/** Signatures of external URLs (contract, section 5): only who holds a key can make the service fetch. */

import { decodeExternalTarget, encodeExternalTarget } from '../request/external-target.ts'
import type { ExternalRequest, VerifiedExternal } from '../request/media-request.ts'
import { PARAMETER_GUIDE } from '../request/parameter-guide.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { decodeBase64Url, encodeBase64Url } from './base64url.ts'
import { type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

/** What is signed of a target: it and the expiry where there is one, or, of `v3`, all parameters. */
export function externalMessage({
  rawTarget,
  expiresAt,
  signedParameters,
}: Pick<ExternalRequest, 'rawTarget' | 'expiresAt' | 'signedParameters'>): string {
  const signed = signedParameters ?? (expiresAt === undefined ? '' : `ex=${expiresAt}`)
  return signed === '' ? rawTarget : `${rawTarget}?${signed}`
}

/**
 * The parameters of a query as a signature covers them: those that are known, decoded, sorted by name; of a repeated one
 * the first.
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

/** The base64url signature of a raw target. `expiresAt` in unix seconds. */
export async function signExternalTarget(
  ring: KeyRing,
  rawTarget: string,
  expiresAt?: number,
): Promise<string> {
  return signMessage(ring, externalMessage({ rawTarget, ...(expiresAt === undefined ? {} : { expiresAt }) }))
}

/** The path of a URL whose signature covers the parameters of its query (`v3`). */
export async function signExternalPath(ring: KeyRing, url: string, query: URLSearchParams): Promise<string> {
  const rawTarget = encodeExternalTarget(url, 'v3')
  const message = externalMessage({ rawTarget, signedParameters: parametersToSign(query) })
  return `/external/${await signMessage(ring, message)}/${rawTarget}`
}

async function signMessage(ring: KeyRing, message: string): Promise<string> {
  return encodeBase64Url(await sign(ring, message))
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
  if (!(await verify(ring, externalMessage(request), signature))) {
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
