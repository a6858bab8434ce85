/** What is to be purged: every rendition of an object, or of an external URL (contract, section 1). */

import { type Failure, fail, isFailure } from '../response/failure.ts'
import type { SourceRequest } from './media-request.ts'
import { toObjectKey } from './object-key.ts'

/** Names a source in the caches of both doors. */
export type SourceName = string

/** Longest body of a purge, in bytes. */
export const MAX_PURGE_BYTES = 16 * 1024

/**
 * The names that a purge's body stands for. An object that is stored under its file name (`avatars/1/abc.png`) is
 * also the source of the asset without extension. Fails with `bad-json` or `bad-field`.
 */
export function parsePurge(body: string): readonly SourceName[] | Failure {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    if (error instanceof SyntaxError) return fail('bad-json')
    throw error
  }
  if (typeof value !== 'object' || value === null) return fail('bad-field', 'not an object')
  const object = 'object' in value ? value.object : undefined
  const external = 'external' in value ? value.external : undefined
  if (typeof object === 'string' && external === undefined) {
    const key = toObjectKey(object)
    if (isFailure(key)) return fail('bad-field', 'object')
    const bare = key.replace(/\.(png|jpe?g|webp|gif|avif|svg)$/i, '')
    return bare === key ? [key] : [key, bare]
  }
  if (typeof external === 'string' && object === undefined && URL.canParse(external)) {
    const url = new URL(external)
    url.hash = ''
    return [externalName(url.href)]
  }
  return fail('bad-field', 'either object or external')
}

/** The name of what a request is made of. */
export function sourceNameOf(request: SourceRequest): SourceName {
  return request.kind === 'verified-external' ? externalName(request.url) : request.key
}

/** No key of an object contains an empty segment, so nothing else has this name. */
function externalName(url: string): SourceName {
  return `external//${url}`
}
