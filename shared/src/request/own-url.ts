/** URLs of the service itself: what they name is read from the store, not fetched by way of the network. */

import type { Config } from '../config/schema.ts'
import { isFailure } from '../response/failure.ts'
import { decodeExternalTarget } from './external-target.ts'
import type { MediaRequest } from './media-request.ts'
import { parseRequest } from './parse.ts'
import { type PresetRules, presetRules } from './presets.ts'
import { withoutPublicPath } from './public-path.ts'

export interface OwnUrls extends Pick<PresetRules, 'presetOf'> {
  /** Where clients reach this service (`publicUrl`). */
  readonly publicUrls: readonly string[]
  readonly publicPath: string
}

/** The own URLs of a configuration. Presets are no limit here: whoever names a URL was trusted already. */
export function ownUrlsOf({ publicUrl, publicPath, presets }: Config): OwnUrls {
  return { publicUrls: publicUrl, publicPath, ...presetRules({ presets, presetsOnly: false }) }
}

export type StoredRequest = Extract<MediaRequest, { readonly kind: 'asset' | 'attachment' | 'file' }>

/** What a URL turns out to name: media in the store, media elsewhere, or something of the service that is no media. */
export type NamedMedia = { readonly stored: StoredRequest } | { readonly url: string } | 'no-media'

/** An external URL of the service names another URL, which may be one of its own again; nobody does that often. */
const MAX_NESTING = 3

/**
 * Reads the URL of media. One whose host is among `publicUrls` names an object; its external URLs name what they wrap,
 * since whoever asks may ask for that too. Anything else stays the URL that it is.
 */
export function readMediaUrl(url: string, own: OwnUrls): NamedMedia {
  let current = url
  for (let depth = 0; depth < MAX_NESTING; depth += 1) {
    const path = ownPath(new URL(current), own.publicUrls)
    if (path === undefined) return { url: current }
    const parsed = parseRequest(withoutPublicPath(path, own.publicPath), {
      ...{ accept: null, assets: false },
      ...(own.presetOf && { presetOf: own.presetOf }),
    })
    // Behind a host that is not ours alone.
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

/** The path below the public URL that has this host, whatever its scheme; undefined where none has. */
function ownPath(url: URL, publicUrls: readonly string[]): URL | undefined {
  for (const publicUrl of publicUrls) {
    const { host, pathname } = new URL(publicUrl)
    const base = pathname.replace(/\/$/, '')
    if (host === url.host && (base === '' || url.pathname.startsWith(`${base}/`)))
      return withoutPublicPath(url, base)
  }
  return undefined
}
