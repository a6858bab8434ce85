/**
 * The canonical URL of a request: defaults filled in, parameters without effect dropped, order fixed, format
 * resolved. It is the one key of the edge cache, of single flight, of coalescing and of the rendition store:
 * two spellings of one rendition never cost two renders.
 *
 * It is itself a URL of the service (path and query) that parses to the request it was made of, so the edge
 * forwards it and a person can paste it. External media stand under the placeholder signature `_`.
 */

import { extensionOf, isClipFormat } from '../formats.ts'
import { encodeExternalTarget } from './external-target.ts'
import { operationParameters } from './image-operations.ts'
import type { AssetRequest, MediaTime, SourceRequest, Transformation } from './media-request.ts'
import { encodeKey } from './object-key.ts'
import { ASSET_SIZES, DPRS } from './parameters.ts'

declare const canonicalUrlBrand: unique symbol

/** Path and query of a request's canonical form. */
export type CanonicalUrl = string & { readonly [canonicalUrlBrand]: true }

/** The canonical URL of what is answered; `download` is part of it. */
export function canonicalUrl(request: SourceRequest): CanonicalUrl {
  const parameters = parametersOf(request)
  if (request.kind !== 'file' && request.download) parameters.push('download=true')
  return withQuery(pathOf(request), parameters)
}

/** The canonical URL of what is rendered: `download` only changes the answer's headers, never its bytes. */
export function renditionUrl(request: SourceRequest): CanonicalUrl {
  return withQuery(pathOf(request), parametersOf(request))
}

function withQuery(path: string, parameters: readonly string[]): CanonicalUrl {
  return (parameters.length === 0 ? path : `${path}?${parameters.join('&')}`) as CanonicalUrl
}

function pathOf(request: SourceRequest): string {
  switch (request.kind) {
    case 'asset':
      return request.standsIn ? standInPath(request) : assetPath(request)
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
  // One `a_` is taken off when the path is read: a name that still starts with it needs another.
  const expression = request.route === 'emojis' || request.route === 'stickers'
  const serialized = !expression && name.startsWith('a_') ? `a_${name}` : name
  return `/${folder}/${serialized}.${request.extension}`
}

/** Of no route, since it is asked for by none; stickers and avatars are made of it in different ways. */
function standInPath({ route, key, extension }: AssetRequest): string {
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

/** The product of size and density need not be a listed size: then the smallest density that gives it is the one. */
function serializeSize(size: number): string {
  for (const dpr of DPRS) {
    const listed = ASSET_SIZES.find((candidate) => Math.round(candidate * dpr) === size)
    if (listed !== undefined) return dpr === 1 ? `size=${listed}` : `dpr=${dpr}&size=${listed}`
  }
  throw new RangeError(`no listed size times a listed density gives ${size}`)
}

function transformationParameters(transformation: Transformation): string[] {
  const { width, height, fit, gravity, format, quality, qualityAsked, animated, blur, time } = transformation
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
  // With nothing else asked, `auto` (which resolved to the own format) is what requests the transformation.
  const quiet =
    !animated &&
    format === 'source' &&
    operations.length === 0 &&
    [width, height, blur, time].every((x) => x === undefined)
  if (quiet && (!qualityAsked || quality === 'lossless')) parameters.unshift('format=auto')
  return [...parameters, ...operations]
}

function serializeTime(time: MediaTime): string {
  if (time === 'best') return time
  return 'percent' in time ? `${time.percent}%25` : String(time.milliseconds / 1000)
}
