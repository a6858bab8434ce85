/**
 * Parses the URL of an upload through the relay (contract, section 14):
 * `/v1/relay/<key>?t=<token>[&uploadId=&partNumber=]`.
 */

import { type Failure, fail, isFailure } from '../response/failure.ts'
import { decodeObjectKey, type ObjectKey } from './object-key.ts'

/** An upload as its URL states it. No part of it may be used before the token has been verified. */
export interface RelayRequest {
  readonly kind: 'relay'
  readonly encodedKey: string
  readonly query: readonly (readonly [name: string, value: string])[]
}

/** The destination of an upload. */
export interface RelayTarget {
  readonly key: ObjectKey
  readonly part?: { readonly uploadId: string; readonly partNumber: number }
}

/** The limits of S3. */
const MAX_PART_NUMBER = 10_000
const MAX_UPLOAD_ID_LENGTH = 1024

export const RELAY_METHODS = 'PUT, OPTIONS'

/** Parses `/v1/relay/…`. Undefined for any other path. */
export function parseRelay(url: URL): RelayRequest | undefined {
  const encodedKey = /^\/v1\/relay\/(.+)$/.exec(url.pathname)?.[1]
  return encodedKey === undefined ? undefined : { kind: 'relay', encodedKey, query: [...url.searchParams] }
}

/**
 * Returns the first token of the URL, so that it can be verified before the rest of the query is validated.
 */
export function relayTokenOf({ query }: RelayRequest): string | undefined {
  return query.find(([name]) => name === 't')?.[1]
}

/** Returns the object and the part that the URL names. Fails with `bad-request`. */
export function relayTargetOf({ encodedKey, query }: RelayRequest): RelayTarget | Failure {
  const key = decodeObjectKey([encodedKey])
  if (isFailure(key)) return key
  for (const name of ['t', 'uploadId', 'partNumber']) {
    if (query.filter(([given]) => given === name).length > 1) return fail('bad-request', `repeated ${name}`)
  }
  const uploadId = query.find(([name]) => name === 'uploadId')?.[1]
  const partText = query.find(([name]) => name === 'partNumber')?.[1]
  if (uploadId === undefined && partText === undefined) return { key }
  const partNumber = /^[1-9]\d{0,4}$/.test(partText ?? '') ? Number(partText) : Number.NaN
  if (!uploadId || uploadId.length > MAX_UPLOAD_ID_LENGTH || !(partNumber <= MAX_PART_NUMBER))
    return fail('bad-request', 'uploadId and partNumber')
  return { key, part: { uploadId, partNumber } }
}
