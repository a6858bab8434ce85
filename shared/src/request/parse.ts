/** The URL grammar, shared by the edge and the origin (contract, sections 1 and 2). */

import {
  type AssetExtension,
  formatOfExtension,
  IMAGE_FORMATS,
  type ImageFormat,
  parseAssetExtension,
} from '../formats.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import { readAttachmentSignature } from '../signing/attachment-url.ts'
import { parametersToSign } from '../signing/external-url.ts'
import { coversParameters } from './external-target.ts'
import {
  ASSET_EXTENSIONS_PHRASE,
  HASH_PATTERN,
  ID_PATTERN,
  SOUND_EXTENSION_PATTERN,
  THEME_FILE_PATTERN,
} from './file-names.ts'
import {
  type AssetRequest,
  type AssetRoute,
  type Endpoint,
  IMAGE_ROUTES,
  type ImageRoute,
  type MediaRequest,
  type PlaygroundRequest,
} from './media-request.ts'
import { decodeObjectKey, decodeSegment, type ObjectKey } from './object-key.ts'
import {
  type AssetDefaults,
  type Negotiation,
  parseAssetParameters,
  parseTransformation,
} from './parameters.ts'
import { expandPreset } from './presets.ts'
import { parseRelay, RELAY_METHODS } from './relay.ts'

/**
 * Parses a URL to a request. `url` is the raw URL: its path is split before any segment is decoded. Fails
 * with `no-route`, `bad-request`, or `not-found` for a malformed theme id. The method is not checked here;
 * see `validateMethod`.
 */
export function parseRequest(url: URL, negotiation: Negotiation): MediaRequest | Failure {
  const [, first = '', ...rest] = url.pathname.split('/')
  const endpoint = Object.hasOwn(ENDPOINTS, url.pathname) ? ENDPOINTS[url.pathname] : undefined
  if (endpoint !== undefined) return { kind: 'endpoint', endpoint }
  const resource = Object.hasOwn(PLAYGROUND, url.pathname) ? PLAYGROUND[url.pathname] : undefined
  if (resource !== undefined) return { kind: 'playground', resource }
  const query = url.searchParams
  if (isImageRoute(first))
    return rest.length === 2 ? parseAsset(first, [first, ...rest], query, negotiation) : noRoute()
  switch (first) {
    case 'emojis':
    case 'stickers':
      return rest.length === 1 ? parseExpression(first, rest[0] ?? '', query, negotiation) : noRoute()
    case 'guilds':
      return parseMemberAsset(rest, query, negotiation)
    case 'attachments':
      return rest.length >= 1 ? parseAttachment(rest, url, negotiation) : noRoute()
    case 'themes':
      return rest.length === 1 ? parseTheme(rest[0] ?? '') : noRoute()
    case 'entrance-sounds':
      return rest.length === 2 ? parseSound(rest) : noRoute()
    case 'v1':
      return parseRelay(url) ?? noRoute()
    case 'external':
      return rest.length >= 1 ? parseExternal(rest, query, negotiation) : noRoute()
    default:
      return noRoute()
  }
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/_health': 'health',
  '/_ready': 'ready',
  '/_metrics': 'metrics',
  '/internal/telemetry': 'telemetry',
  '/_openapi.json': 'openapi',
  '/_purge': 'purge',
  '/_metadata': 'metadata',
  '/_thumbnail': 'thumbnail',
  '/_frames': 'frames',
  '/_sniff': 'sniff',
  '/_prepare': 'prepare',
}

const PLAYGROUND: Readonly<Record<string, PlaygroundRequest['resource']>> = {
  '/': 'entrance',
  '/_playground': 'page',
  '/_playground/app.js': 'script',
  '/_playground/app.css': 'style',
  '/_playground/session': 'session',
  '/_playground/sign': 'sign',
  '/_playground/upload': 'upload',
  '/_playground/metadata': 'metadata',
  '/_playground/frames': 'frames',
  '/_playground/progress': 'progress',
}

const PLAYGROUND_FILES: readonly PlaygroundRequest['resource'][] = ['entrance', 'page', 'script', 'style']

const POST_ENDPOINTS: readonly Endpoint[] = ['purge', 'metadata', 'thumbnail', 'frames', 'sniff', 'prepare']

/** Whether a request is a POST to an internal endpoint, which requires the internal secret. */
export function isInternal(request: MediaRequest): boolean {
  return request.kind === 'endpoint' && POST_ENDPOINTS.includes(request.endpoint)
}

/** Returns the `Allow` header for the resource of a request. */
export function allowedMethods(request: MediaRequest): string {
  // The playground serves only pages of its own host, so a CORS preflight must not succeed.
  if (request.kind === 'playground') return PLAYGROUND_FILES.includes(request.resource) ? 'GET, HEAD' : 'POST'
  if (request.kind === 'relay') return RELAY_METHODS
  return isInternal(request) ? 'POST, OPTIONS' : 'GET, HEAD, OPTIONS'
}

/**
 * Fails with `method-not-allowed` when a resource does not support a method. All resources but those of the
 * playground support OPTIONS.
 */
export function validateMethod(request: MediaRequest, method: string): Failure | undefined {
  const allow = allowedMethods(request)
  return allow.split(', ').includes(method)
    ? undefined
    : fail('method-not-allowed', method.slice(0, 20), { allow })
}

function isImageRoute(segment: string): segment is ImageRoute {
  return (IMAGE_ROUTES as readonly string[]).includes(segment)
}

/**
 * The formats of emojis and stickers, which are often transparent or animated. Requests for others get WebP.
 */
const EXPRESSION_FORMATS: readonly ImageFormat[] = ['webp', 'gif', 'png', 'avif']
const EXPRESSION_DEFAULT_EXTENSION: AssetExtension = 'webp'

const ID = new RegExp(`^${ID_PATTERN}$`)
const HASH = new RegExp(`^${HASH_PATTERN}$`)
const THEME_FILE = new RegExp(`^${THEME_FILE_PATTERN}$`)
const SOUND_FILE = new RegExp(`^(.*)\\.${SOUND_EXTENSION_PATTERN}$`)
const ANIMATED_HASH_PREFIX = 'a_'
/** The extensions that keep the animation. A PNG or JPEG of an animated avatar is a still. */
const ANIMATED_EXTENSIONS: readonly AssetExtension[] = ['gif', 'webp', 'avif', 'apng']

/** Parses an asset. `encodedPath` is the folder of its key and the file name `<hash>.<extension>`. */
function parseAsset(
  route: AssetRoute,
  encodedPath: readonly string[],
  query: URLSearchParams,
  negotiation: Negotiation,
): AssetRequest | Failure {
  const segments = encodedPath.map(decodeSegment)
  const file = splitFileName(segments.at(-1))
  const folder = segments.slice(0, -1)
  if (file === undefined || !HASH.test(file.name))
    return badRequest(
      'asset file name',
      `the file name of an asset is a hash of letters, digits and _, a dot, and ${ASSET_EXTENSIONS_PHRASE}`,
    )
  if (!folder.every((segment) => segment !== undefined && ID.test(segment)))
    return badRequest('id', 'an id has 1 to 64 letters, digits, _ or -')
  const { extension } = file
  const marked = file.name.startsWith(ANIMATED_HASH_PREFIX)
  const hash = marked ? file.name.slice(ANIMATED_HASH_PREFIX.length) : file.name
  return assetRequest({ route, path: [...folder, hash].join('/'), extension }, query, negotiation, {
    animated: () => marked && ANIMATED_EXTENSIONS.includes(extension),
    formats: IMAGE_FORMATS,
    negotiates: extension === 'webp',
  })
}

function parseMemberAsset(
  rest: readonly string[],
  query: URLSearchParams,
  negotiation: Negotiation,
): AssetRequest | Failure {
  const [, users, , kind] = rest
  if (rest.length !== 5 || users !== 'users' || (kind !== 'avatars' && kind !== 'banners')) return noRoute()
  const route = kind === 'avatars' ? 'member-avatars' : 'member-banners'
  return parseAsset(route, ['guilds', ...rest], query, negotiation)
}

function parseExpression(
  route: 'emojis' | 'stickers',
  encodedFile: string,
  query: URLSearchParams,
  negotiation: Negotiation,
): AssetRequest | Failure {
  const decoded = decodeSegment(encodedFile)
  const bare = route === 'stickers' && decoded !== undefined && !decoded.includes('.')
  const file = bare ? { name: decoded, extension: EXPRESSION_DEFAULT_EXTENSION } : splitFileName(decoded)
  if (file === undefined || !ID.test(file.name))
    return badRequest(`${route} file name`, `the file name is an id, a dot, and ${ASSET_EXTENSIONS_PHRASE}`)
  const { extension } = file
  return assetRequest({ route, path: `${route}/${file.name}`, extension }, query, negotiation, {
    // A request for a GIF implies animation, because clients have no other way to request it.
    animated: (requestedFormat) =>
      requestedFormat === undefined
        ? extension === 'gif' || extension === 'apng'
        : requestedFormat === 'gif' || (requestedFormat === 'png' && extension === 'apng'),
    formats: EXPRESSION_FORMATS,
    negotiates: false,
  })
}

interface AssetName {
  readonly route: AssetRoute
  /** The key in the store, not yet validated. */
  readonly path: string
  readonly extension: AssetExtension
}

function assetRequest(
  { route, path, extension }: AssetName,
  query: URLSearchParams,
  negotiation: Negotiation,
  rules: Omit<AssetDefaults, 'format'>,
): AssetRequest | Failure {
  const key = decodeObjectKey([path])
  if (isFailure(key)) return key
  const format = formatOfExtension(extension)
  const expanded = expandPreset(query, negotiation)
  if (isFailure(expanded)) return expanded
  const parsed = parseAssetParameters(expanded, { format, ...rules }, negotiation)
  return isFailure(parsed) ? parsed : { kind: 'asset', route, key, extension, ...parsed }
}

function parseAttachment(
  encodedPath: readonly string[],
  { search, searchParams }: URL,
  negotiation: Negotiation,
): MediaRequest | Failure {
  const key = decodeObjectKey(['attachments', ...encodedPath])
  if (isFailure(key)) return key
  const expanded = expandPreset(searchParams, negotiation)
  if (isFailure(expanded)) return expanded
  const parsed = parseTransformation(expanded, negotiation)
  if (isFailure(parsed)) return parsed
  const { rendition, download, negotiable } = parsed
  const transformation = rendition === undefined ? {} : { transformation: rendition }
  const signature = readAttachmentSignature(search)
  const signed = signature === undefined ? {} : { signature }
  return { kind: 'attachment', key, ...transformation, ...signed, download, negotiable }
}

function parseTheme(file: string): MediaRequest | Failure {
  return THEME_FILE.test(file)
    ? { kind: 'file', route: 'themes', key: `themes/${file}` as ObjectKey }
    : fail('not-found', 'theme id')
}

function parseSound(encodedPath: readonly string[]): MediaRequest | Failure {
  const [id, file] = encodedPath.map(decodeSegment)
  const match = SOUND_FILE.exec(file ?? '')
  if (match === null) return file === undefined ? fail('bad-request', 'path is not valid UTF-8') : noRoute()
  if (id === undefined || !ID.test(id) || !HASH.test(match[1] ?? ''))
    return fail('bad-request', 'audio file name')
  const key = decodeObjectKey([`entrance-sounds/${id}/${file}`])
  return isFailure(key) ? key : { kind: 'file', route: 'entrance-sounds', key }
}

function parseExternal(
  rest: readonly string[],
  query: URLSearchParams,
  negotiation: Negotiation,
): MediaRequest | Failure {
  const [signature = '', ...target] = rest
  const rawTarget = target.join('/')
  if (signature === '' || rawTarget === '')
    return badRequest('missing signature or target', 'an external URL is /external/<signature>/<target>')
  const expiry = query.get('ex')
  if (expiry !== null && !/^[1-9][0-9]{0,10}$/.test(expiry))
    return badRequest('bad value of ex', 'ex is the expiry in unix seconds')
  const isCovered = coversParameters(rawTarget)
  // Signed parameters come from the holder of a key, so `presetsOnly` does not apply to them.
  const expanded = expandPreset(query, isCovered ? { ...negotiation, presetsOnly: false } : negotiation)
  if (isFailure(expanded)) return expanded
  const parsed = parseTransformation(expanded, negotiation)
  if (isFailure(parsed)) return parsed
  const { rendition, download, negotiable } = parsed
  return {
    kind: 'external',
    signature,
    rawTarget,
    ...(isCovered ? { signedParameters: parametersToSign(query) } : {}),
    ...(expiry === null ? {} : { expiresAt: Number(expiry) }),
    ...(rendition === undefined ? {} : { transformation: rendition }),
    download,
    negotiable,
  }
}

function splitFileName(
  file: string | undefined,
): { readonly name: string; readonly extension: AssetExtension } | undefined {
  const parts = file?.split('.')
  const [name, suffix] = parts ?? []
  if (parts?.length !== 2 || !name || suffix === undefined) return undefined
  const extension = parseAssetExtension(suffix)
  return extension === undefined ? undefined : { name, extension }
}

function badRequest(detail: string, text: string): Failure {
  return { ...fail('bad-request', detail), hint: { text } }
}

function noRoute(): Failure {
  return fail('no-route')
}
