/**
 * Parses purges. A purge covers every rendition of an object, or of an external URL (contract, section 1).
 */

import { parseAssetExtension } from '../formats.ts'
import { type Failure, fail } from '../response/failure.ts'
import { purgeSchema } from './body-schemas.ts'
import type { SourceRequest } from './media-request.ts'
import { type OwnUrls, readMediaUrl } from './own-url.ts'

/** The name of a source in the caches of the edge and the origin. */
export type SourceName = string

/** The largest body of a purge, in bytes. */
export const MAX_PURGE_BYTES = 16 * 1024

/**
 * Returns the source names that the body of a purge selects. An object that is stored with an extension
 * (`avatars/1/abc.png`) is also the source of the asset without it. An external URL of the service itself
 * names an object. Fails with `bad-json` or `bad-field`.
 */
export function parsePurge(body: string, own: OwnUrls): readonly SourceName[] | Failure {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    if (error instanceof SyntaxError) return fail('bad-json')
    throw error
  }
  const { success, data } = purgeSchema.safeParse(value)
  if (!success) return fail('bad-field', 'either object or external')
  if (data.object !== undefined) return namesOfObject(data.object)
  const url = new URL(data.external)
  url.hash = ''
  const name = nameOfUrl(url.href, own)
  return isExternal(name) ? [name] : namesOfObject(name)
}

function namesOfObject(key: string): readonly SourceName[] {
  const [suffix, extension] = /\.([^./]+)$/.exec(key) ?? []
  return suffix === undefined || extension === undefined || parseAssetExtension(extension) === undefined
    ? [key]
    : [key, key.slice(0, -suffix.length)]
}

/** Returns the name of a request's source. External URLs of the service itself must already be resolved. */
export function sourceNameOf(request: SourceRequest): SourceName {
  return request.kind === 'verified-external' ? externalName(request.url) : request.key
}

/** Returns the name of a request's source and resolves external URLs of the service itself. */
export function resolvedSourceName(request: SourceRequest, own: OwnUrls): SourceName {
  return request.kind === 'verified-external' ? nameOfUrl(request.url, own) : request.key
}

function nameOfUrl(url: string, own: OwnUrls): SourceName {
  const named = readMediaUrl(url, own)
  if (named === 'no-media') return externalName(url)
  return 'stored' in named ? named.stored.key : externalName(named.url)
}

function isExternal(name: SourceName): boolean {
  return name.startsWith('external//')
}

/** Returns the name of an external URL. It cannot be a key, because no key has an empty segment. */
function externalName(url: string): SourceName {
  return `external//${url}`
}
