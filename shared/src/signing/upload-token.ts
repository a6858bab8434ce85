/**
 * Upload tokens (contract, section 14). An API server gives a token to an app, which may then upload one
 * object, or one part of it, through the relay. The format is `<base64url of a JSON text>.<base64url of its
 * HMAC-SHA256>`, both without padding.
 */

import { decodeBase64Url, encodeBase64Url } from '../encoding/base64url.ts'
import { type Failure, fail } from '../response/failure.ts'
import { wellFormedType } from '../response/stored-type.ts'
import { type KeyRing, SIGNATURE_BYTES, sign, verify } from './hmac.ts'

/** The upload that a token allows. */
export interface UploadGrant {
  readonly bucket: string
  readonly key: string
  readonly method: string
  /** The multipart upload of the store that the part belongs to. */
  readonly uploadId?: string
  readonly partNumber?: number
  /** The content type that the object is stored with. */
  readonly contentType?: string
  readonly maxBytes: number
  /** The expiry of the token, in unix seconds. */
  readonly expiresAt: number
}

const MAX_TOKEN_LENGTH = 8192

/** Signs a grant and returns its token. */
export async function signUploadToken(ring: KeyRing, grant: UploadGrant): Promise<string> {
  const claims = {
    b: grant.bucket,
    k: grant.key,
    m: grant.method,
    u: grant.uploadId,
    p: grant.partNumber,
    ct: grant.contentType,
    mb: grant.maxBytes,
    e: grant.expiresAt,
  }
  const text = encodeBase64Url(new TextEncoder().encode(JSON.stringify(claims)))
  return `${text}.${encodeBase64Url(await sign(ring, text))}`
}

/** Verifies a token and returns its grant. Fails with `bad-signature` or `expired`. */
export async function verifyUploadToken(
  ring: KeyRing,
  token: string | undefined,
  nowSeconds: number,
): Promise<UploadGrant | Failure> {
  if (token === undefined) return fail('bad-signature', 'no upload token')
  const [text = '', mac = '', ...rest] = token.length > MAX_TOKEN_LENGTH ? [] : token.split('.')
  const signature = decodeBase64Url(mac)
  if (rest.length > 0 || text === '' || signature?.length !== SIGNATURE_BYTES)
    return fail('bad-signature', 'a malformed upload token')
  if (!(await verify(ring, text, signature))) return fail('bad-signature', 'a wrong upload token')
  const grant = readClaims(text)
  if (grant === undefined) return fail('bad-signature', 'an upload token with malformed claims')
  return nowSeconds >= grant.expiresAt ? fail('expired', 'an upload token') : grant
}

function readClaims(text: string): UploadGrant | undefined {
  const claims = parseObject(text)
  if (claims === undefined) return undefined
  const { b, k, m, u, p, ct, mb, e } = claims
  if (typeof b !== 'string' || typeof k !== 'string' || typeof m !== 'string') return undefined
  if (!isCount(mb) || typeof e !== 'number' || !Number.isFinite(e)) return undefined
  if (typeof ct === 'string' && wellFormedType(ct) === undefined) return undefined
  if (!isOptional(u, 'string') || !isOptional(ct, 'string') || !(p == null || isCount(p))) return undefined
  return {
    bucket: b,
    key: k,
    method: m,
    ...(typeof u === 'string' ? { uploadId: u } : {}),
    ...(typeof p === 'number' ? { partNumber: p } : {}),
    ...(typeof ct === 'string' ? { contentType: ct } : {}),
    maxBytes: mb,
    expiresAt: e,
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64Url(text)
  if (bytes === undefined) return undefined
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isOptional(value: unknown, type: 'string'): boolean {
  return value === undefined || value === null || typeof value === type
}
