/**
 * Recognises URLs of the service itself. Their media are read from the store, not fetched over the network.
 */

import type { Config } from '../config/schema.ts'
import { isFailure } from '../response/failure.ts'
import { decodeExternalTarget } from './external-target.ts'
import type { MediaRequest } from './media-request.ts'
import { parseRequest } from './parse.ts'
import { type PresetRules, presetRules } from './preset-rules.ts'
import { withoutPublicPath } from './public-path.ts'

export interface OwnUrls extends Pick<PresetRules, 'presetOf'> {
  /** The base URLs at which clients reach this service (`publicUrl`). */
  readonly publicUrls: readonly string[]
  readonly publicPath: string
}

/**
 * Returns the service's own URLs from a configuration. `presetsOnly` does not apply to them, because the
 * caller that names such a URL is already authorised.
 */
export function ownUrlsOf({ publicUrl, publicPath, presets }: Config): OwnUrls {
  return { publicUrls: publicUrl, publicPath, ...presetRules({ presets, presetsOnly: false }) }
}

export type StoredRequest = Extract<MediaRequest, { readonly kind: 'asset' | 'attachment' | 'file' }>

/** What a URL names: media in the store, media on another host, or a non-media resource of the service. */
export type NamedMedia = { readonly stored: StoredRequest } | { readonly url: string } | 'no-media'

/**
 * The largest number of nested URLs that are resolved. An external URL of the service may wrap another one.
 */
const MAX_NESTING = 3

/**
 * Resolves the URL of media. A URL whose host is among `publicUrls` names an object, and an external URL of
 * the service names the URL that it wraps, which the caller is allowed to request as well. Any other URL is
 * returned unchanged.
 */
export function readMediaUrl(url: string, own: OwnUrls): NamedMedia {
  let current = url
  for (let depth = 0; depth < MAX_NESTING; depth += 1) {
    const path = ownPath(new URL(current), own.publicUrls)
    if (path === undefined) return { url: current }
    const parsed = parseRequest(withoutPublicPath(path, own.publicPath), {
      accept: null,
      assets: false,
      ...(own.presetOf && { presetOf: own.presetOf }),
    })
    // With a `publicPath`, other applications share the host.
    if (isFailure(parsed) && parsed.code === 'no-route' && own.publicPath !== '') return { url: current }
    if (isFailure(parsed)) return 'no-media'
    if (parsed.kind === 'endpoint' || parsed.kind === 'playground' || parsed.kind === 'relay')
      return 'no-media'
    if (parsed.kind !== 'external') return { stored: parsed }
    const target = decodeExternalTarget(parsed.rawTarget)
    if (isFailure(target)) return 'no-media'
    current = target
  }
  return 'no-media'
}

/**
 * Returns the URL below the public URL of the same host, whose scheme does not count. Undefined without one.
 */
function ownPath(url: URL, publicUrls: readonly string[]): URL | undefined {
  for (const publicUrl of publicUrls) {
    const { host, pathname } = new URL(publicUrl)
    const base = pathname.replace(/\/$/, '')
    if (host === url.host && (base === '' || url.pathname.startsWith(`${base}/`)))
      return withoutPublicPath(url, base)
  }
  return undefined
}
