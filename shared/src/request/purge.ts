/** What is to be purged: every rendition of an object, or of an external URL (contract, section 1). */

import { parseAssetExtension } from '../formats.ts'
import { type Failure, fail } from '../response/failure.ts'
import { purgeSchema } from './body-schemas.ts'
import type { SourceRequest } from './media-request.ts'
import { type OwnUrls, readMediaUrl } from './own-url.ts'

/** Names a source in the caches of both doors. */
export type SourceName = string

/** Longest body of a purge, in bytes. */
export const MAX_PURGE_BYTES = 16 * 1024

/**
 * The names that a purge's body stands for. An object that is stored under its file name (`avatars/1/abc.png`) is
 * also the source of the asset without extension, and an external URL that is one of ours names an object. Fails with
 * `bad-json` or `bad-field`.
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

/** The name of what a request is made of, where external URLs of ours have been read. */
export function sourceNameOf(request: SourceRequest): SourceName {
  return request.kind === 'verified-external' ? externalName(request.url) : request.key
}

/** The same where they have not. */
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

/** No key of an object contains an empty segment, so nothing else has this name. */
function externalName(url: string): SourceName {
  return `external//${url}`
}
