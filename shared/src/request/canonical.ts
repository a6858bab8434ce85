/**
 * The canonical URL of a request: defaults are filled in, parameters without effect are dropped, the order is
 * fixed and the format is resolved. The edge cache, the single flight, the coalescing and the rendition store
 * all use it as their key, so that two spellings of one rendition never cost two renders.
 *
 * A canonical URL is itself a URL of the service (path and query) and parses to the request that it was made
 * from. The edge can therefore forward it, and a person can paste it. External media have the placeholder
 * signature `_`.
 */

import { extensionOf, isClipFormat } from '../formats.ts'
import { encodeExternalTarget } from './external-target.ts'
import { operationParameters } from './image-operations.ts'
import type { AssetRequest, MediaTime, SourceRequest, Transformation } from './media-request.ts'
import { encodeKey } from './object-key.ts'
import { ASSET_SIZES, DPRS } from './parameters.ts'

declare const canonicalUrlBrand: unique symbol

/** The path and query of a request in canonical form. */
export type CanonicalUrl = string & { readonly [canonicalUrlBrand]: true }

/** Returns the canonical URL of the response, which includes `download`. */
export function canonicalUrl(request: SourceRequest): CanonicalUrl {
  const parameters = parametersOf(request)
  if (request.kind !== 'file' && request.download) parameters.push('download=true')
  return withQuery(pathOf(request), parameters)
}

/** Returns the canonical URL of the rendition, without `download`, which changes headers but no bytes. */
export function renditionUrl(request: SourceRequest): CanonicalUrl {
  return withQuery(pathOf(request), parametersOf(request))
}

function withQuery(path: string, parameters: readonly string[]): CanonicalUrl {
  return (parameters.length === 0 ? path : `${path}?${parameters.join('&')}`) as CanonicalUrl
}

function pathOf(request: SourceRequest): string {
  switch (request.kind) {
    case 'asset':
      return request.isFallback ? fallbackPath(request) : assetPath(request)
    case 'attachment':
    case 'file':
      return `/${encodeKey(request.key)}`
    case 'verified-external':
      return `/external/_/${encodeExternalTarget(request.url)}`
  }
}

function assetPath(request: AssetRequest): string {
  const slash = request.key.lastIndexOf('/')
  const folder = request.key.slice(0, slash)
  const name = request.key.slice(slash + 1)
  // The parser removes one leading `a_`, so a name that still starts with `a_` needs another one.
  const expression = request.route === 'emojis' || request.route === 'stickers'
  const serialized = !expression && name.startsWith('a_') ? `a_${name}` : name
  return `/${folder}/${serialized}.${request.extension}`
}

/**
 * Returns the path of a fallback object. No route parses it, because clients cannot request it. It contains
 * the route, because stickers and avatars are rendered from the same object in different ways.
 */
function fallbackPath({ route, key, extension }: AssetRequest): string {
  return `/_fallback/${route}/${encodeKey(key)}.${extension}`
}

function parametersOf(request: SourceRequest): string[] {
  switch (request.kind) {
    case 'asset':
      return assetParameters(request)
    case 'attachment':
    case 'verified-external':
      return request.transformation === undefined ? [] : transformationParameters(request.transformation)
    case 'file':
      return []
  }
}

function assetParameters({ rendition }: AssetRequest): string[] {
  const { size, format, quality, animated, blur } = rendition
  const parameters = [
    `animated=${animated}`,
    `format=${extensionOf(format)}`,
    `quality=${quality}`,
    serializeSize(size),
  ]
  if (blur !== undefined) parameters.unshift(`blur=${blur}`)
  return [...parameters, ...operationParameters(rendition)]
}

/** Serializes a size with the smallest density that gives it, because it may be no listed size itself. */
function serializeSize(size: number): string {
  for (const dpr of DPRS) {
    const listed = ASSET_SIZES.find((candidate) => Math.round(candidate * dpr) === size)
    if (listed !== undefined) return dpr === 1 ? `size=${listed}` : `dpr=${dpr}&size=${listed}`
  }
  throw new RangeError(`no listed size times a listed density gives ${size}`)
}

function transformationParameters(transformation: Transformation): string[] {
  const { width, height, fit, gravity, format, quality, isQualityRequested, animated, blur, time } =
    transformation
  const { durationMs, fps, silent, sprite } = transformation
  const isClip = isClipFormat(format)
  const parameters: string[] = []
  if (animated && !isClip) parameters.push('animated=true')
  if (silent) parameters.push('audio=false')
  if (blur !== undefined) parameters.push(`blur=${blur}`)
  if (durationMs !== undefined) parameters.push(`duration=${durationMs / 1000}`)
  if (fit !== 'cover' && !isClip) parameters.push(`fit=${fit}`)
  if (format !== 'source') parameters.push(`format=${extensionOf(format)}`)
  if (fps !== undefined) parameters.push(`fps=${fps}`)
  if (gravity !== 'centre') parameters.push(`gravity=${gravity}`)
  if (height !== undefined) parameters.push(`height=${height}`)
  parameters.push(`quality=${quality}`)
  if (sprite !== undefined) parameters.push(`sprite=${sprite.columns}x${sprite.rows}`)
  if (time !== undefined) parameters.push(`time=${serializeTime(time)}`)
  if (width !== undefined) parameters.push(`width=${width}`)
  const operations = operationParameters(transformation)
  // Without another parameter, `format=auto` (which resolved to the source's format) requests the
  // transformation.
  const quiet =
    !animated &&
    format === 'source' &&
    operations.length === 0 &&
    [width, height, blur, time].every((x) => x === undefined)
  if (quiet && (!isQualityRequested || quality === 'lossless')) parameters.unshift('format=auto')
  return [...parameters, ...operations]
}

function serializeTime(time: MediaTime): string {
  if (time === 'best') return time
  return 'percent' in time ? `${time.percent}%25` : String(time.milliseconds / 1000)
}
