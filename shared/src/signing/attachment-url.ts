/**
 * Signatures of attachment URLs (contract, section 4). A file is not readable without a signed URL, and a URL
 * that was passed on expires. The signature is not part of any cache key.
 */

import type { Config } from '../config/schema.ts'
import { encodeHex } from '../encoding/hex.ts'
import type { AttachmentRequest, AttachmentSignature } from '../request/media-request.ts'
import type { ObjectKey } from '../request/object-key.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { createBase64KeyRing, type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

const VERSION = 'fluxer-attachment-url-v1'
/** The value of `uc` for URLs in a data package, which never expire. Other URLs have no `uc`. */
const DATA_PACKAGE = 'dp'
const NAMES: ReadonlySet<string> = new Set(['ex', 'is', 'hm', 'uc'])
const SECONDS = /^[0-9a-f]{8}$/
const MAC = /^[0-9a-f]{64}$/

/**
 * Reads the signature from a raw query, with or without its question mark. Names may be percent-encoded,
 * values may not, and the order is free. Returns `malformed` when a parameter is missing, repeated or
 * invalid. Undefined when the query has none of the parameters.
 */
export function readAttachmentSignature(search: string): AttachmentSignature | 'malformed' | undefined {
  const parts = new Map<string, string>()
  for (const pair of search.replace(/^\?/, '').split('&')) {
    const equals = pair.indexOf('=')
    const name = decodeName(equals === -1 ? pair : pair.slice(0, equals))
    if (name === undefined || !NAMES.has(name)) continue
    if (parts.has(name)) return 'malformed'
    parts.set(name, equals === -1 ? '' : pair.slice(equals + 1))
  }
  if (parts.size === 0) return undefined
  const [expires, issued, mac, use] = ['ex', 'is', 'hm', 'uc'].map((name) => parts.get(name))
  if (expires === undefined || issued === undefined || mac === undefined) return 'malformed'
  if (!SECONDS.test(issued) || !MAC.test(mac)) return 'malformed'
  if (use !== undefined) {
    const isPackage = use === DATA_PACKAGE && expires === '0'
    return isPackage ? { issued, mac, expires: 'never' } : 'malformed'
  }
  return SECONDS.test(expires) && issued <= expires ? { issued, mac, expires } : 'malformed'
}

/** Serializes a signature to the query that it was read from. */
export function serializeAttachmentSignature({ issued, mac, expires }: AttachmentSignature): string {
  return expires === 'never'
    ? `ex=0&is=${issued}&hm=${mac}&uc=${DATA_PACKAGE}`
    : `ex=${expires}&is=${issued}&hm=${mac}`
}

/** The policy that `attachmentSignatures` and `attachmentSecrets` define. */
export type AttachmentPolicy =
  | { readonly mode: 'off' }
  | { readonly mode: 'report' | 'enforce'; readonly ring: KeyRing }

/** Builds the policy of a configuration and imports its secrets. */
export async function attachmentPolicyOf({
  attachmentSignatures: mode,
  attachmentSecrets,
}: Pick<Config, 'attachmentSignatures' | 'attachmentSecrets'>): Promise<AttachmentPolicy> {
  return mode === 'off' ? { mode } : { mode, ring: await createBase64KeyRing(attachmentSecrets) }
}

/**
 * Verifies the signature of an attachment URL. Returns the request with its expiry, if it has one. Fails with
 * `attachment-rejected`, whose response is the same as for a missing object. In the mode `report` it never
 * fails but passes the failure to `onReport`. `nowSeconds` is unix time.
 */
export async function verifyAttachment(
  request: AttachmentRequest,
  policy: AttachmentPolicy,
  nowSeconds: number,
  onReport: (failure: Failure) => void,
): Promise<AttachmentRequest | Failure> {
  if (policy.mode === 'off') return request
  const verified = await check(request, policy.ring, nowSeconds)
  if (policy.mode === 'enforce') return verified
  if (isFailure(verified)) onReport(verified)
  return request
}

async function check(
  request: AttachmentRequest,
  ring: KeyRing,
  nowSeconds: number,
): Promise<AttachmentRequest | Failure> {
  const { signature, key } = request
  if (signature === undefined) return fail('attachment-rejected', 'no signature')
  if (signature === 'malformed') return fail('attachment-rejected', 'a malformed signature')
  const mac = Uint8Array.from({ length: SIGNATURE_BYTES }, (_, index) =>
    Number.parseInt(signature.mac.slice(2 * index, 2 * index + 2), 16),
  )
  if (!(await verify(ring, messageOf(signature, key), mac)))
    return fail('attachment-rejected', 'a wrong signature')
  if (signature.expires === 'never') return request
  const expiresAt = Number.parseInt(signature.expires, 16)
  return nowSeconds >= expiresAt
    ? fail('attachment-rejected', 'an expired signature')
    : { ...request, expiresAt }
}

/** Signs an object key. Times are unix seconds; `never` is for data packages. */
export async function signAttachment(
  ring: KeyRing,
  key: ObjectKey,
  issuedAt: number,
  expiresAt: number | 'never',
): Promise<AttachmentSignature> {
  const unsigned = {
    issued: hexSeconds(issuedAt),
    expires: expiresAt === 'never' ? expiresAt : hexSeconds(expiresAt),
  }
  return { ...unsigned, mac: encodeHex(await sign(ring, messageOf(unsigned, key))) }
}

function messageOf({ expires, issued }: Omit<AttachmentSignature, 'mac'>, key: ObjectKey): string {
  const [end, use] = expires === 'never' ? ['00000000', DATA_PACKAGE] : [expires, '']
  return [VERSION, end, issued, use, key].join('\n')
}

function hexSeconds(seconds: number): string {
  return Math.floor(seconds).toString(16).padStart(8, '0')
}

function decodeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
