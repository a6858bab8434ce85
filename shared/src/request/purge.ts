/** What is to be purged: every rendition of an object, or of an external URL (contract, section 1). */

import { type Failure, fail } from '../response/failure.ts'
import { purgeSchema } from './body-schemas.ts'
import type { SourceRequest } from './media-request.ts'

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
  const { success, data } = purgeSchema.safeParse(value)
  if (!success) return fail('bad-field', 'either object or external')
  if (data.object !== undefined) {
    const bare = data.object.replace(/\.(png|jpe?g|webp|gif|avif|svg)$/i, '')
    return bare === data.object ? [data.object] : [data.object, bare]
  }
  const url = new URL(data.external)
  url.hash = ''
  return [externalName(url.href)]
}

/** The name of what a request is made of. */
export function sourceNameOf(request: SourceRequest): SourceName {
  return request.kind === 'verified-external' ? externalName(request.url) : request.key
}

/** No key of an object contains an empty segment, so nothing else has this name. */
function externalName(url: string): SourceName {
  return `external//${url}`
}
