/** The URL of an upload through the relay (contract, section 14): `/v1/relay/<key>?t=<token>[&uploadId=&partNumber=]`. */

import { type Failure, fail, isFailure } from '../response/failure.ts'
import { decodeObjectKey, type ObjectKey } from './object-key.ts'

/** An upload as its URL states it; nothing of it may be used before its token was checked. */
export interface RelayRequest {
  readonly kind: 'relay'
  readonly encodedKey: string
  readonly query: readonly (readonly [name: string, value: string])[]
}

/** Where an upload goes. */
export interface RelayTarget {
  readonly key: ObjectKey
  readonly part?: { readonly uploadId: string; readonly partNumber: number }
}

/** S3's bounds. */
const MAX_PART_NUMBER = 10_000
const MAX_UPLOAD_ID_LENGTH = 1024

export const RELAY_METHODS = 'PUT, OPTIONS'

/** Reads `/v1/relay/...`; undefined where the path is none. */
export function parseRelay(url: URL): RelayRequest | undefined {
  const encodedKey = /^\/v1\/relay\/(.+)$/.exec(url.pathname)?.[1]
  return encodedKey === undefined ? undefined : { kind: 'relay', encodedKey, query: [...url.searchParams] }
}

/** The token of the URL; of a repeated one the first, so that its check comes before that of the query. */
export function relayTokenOf({ query }: RelayRequest): string | undefined {
  return query.find(([name]) => name === 't')?.[1]
}

/** The object and the part that the URL names. Fails with `bad-request`. */
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
