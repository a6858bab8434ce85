/** The header policy of responses, shared by the edge and the origin (contract, sections 4 and 9). */

import { percentEncode } from '../encoding/percent.ts'
import { CORS_HEADERS } from './cors.ts'
import { type Failure, phraseOf, statusOf } from './failure.ts'

/** Headers by lower-case name, so that objects can be compared and spread. */
export type HeaderRecord = Record<string, string>

const YEAR_SECONDS = 31_536_000
const IMMUTABLE = `public, max-age=${YEAR_SECONDS}, immutable`

/** Browsers can still display an image or a video that is opened as a page; nothing else may load or run. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'unsafe-inline'; sandbox allow-same-origin"

/** The headers of every media response, apart from those that describe its bytes. */
export const MEDIA_HEADERS: Readonly<HeaderRecord> = {
  'accept-ranges': 'bytes',
  ...CORS_HEADERS,
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
}

/**
 * Returns the `Cache-Control` of media. For video and audio, it forbids intermediaries to recompress them.
 */
export function mediaCacheControl(contentType: string): string {
  return /^(video|audio)\//.test(contentType) ? `${IMMUTABLE}, no-transform` : IMMUTABLE
}

/** Returns a `Cache-Control` that does not outlive a signed URL. Times are unix seconds. */
export function expiringCacheControl(expiresAt: number, nowSeconds: number): string {
  return `public, max-age=${Math.max(0, Math.min(YEAR_SECONDS, Math.floor(expiresAt - nowSeconds)))}`
}

/**
 * Returns the content type under which a stored file may be served. Any type that a browser could execute
 * becomes plain text, because a script would run with the rights of the serving host.
 */
export function inertContentType(contentType: string): string {
  const essence = mimeEssence(contentType)
  return EXECUTABLE_TYPES.has(essence) || essence.endsWith('+xml') ? 'text/plain; charset=utf-8' : contentType
}

/** HTML, JavaScript in all its names (WHATWG MIME Sniffing, section 4.6) and XML types (RFC 7303). */
const EXECUTABLE_TYPES: ReadonlySet<string> = new Set([
  'text/html',
  'text/xml',
  'application/xml',
  'text/xsl',
  'application/javascript',
  'application/ecmascript',
  'application/x-ecmascript',
  'application/x-javascript',
  'text/ecmascript',
  'text/javascript',
  'text/javascript1.0',
  'text/javascript1.1',
  'text/javascript1.2',
  'text/javascript1.3',
  'text/javascript1.4',
  'text/javascript1.5',
  'text/jscript',
  'text/livescript',
  'text/x-ecmascript',
  'text/x-javascript',
])

/** Returns a content type without its parameters, in lower case. */
export function mimeEssence(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}

/** Returns `inline` for types that browsers display, and `attachment` for all others and for downloads. */
export function dispositionType(contentType: string, download: boolean): 'inline' | 'attachment' {
  const shown = /^(image|video|audio)\//.test(contentType) && mimeEssence(contentType) !== 'image/svg+xml'
  return shown && !download ? 'inline' : 'attachment'
}

/**
 * The longest file name that a response states, in UTF-16 code units. File systems store no longer ones. A key
 * or an external URL can end in thousands of characters, and nginx and Varnish reject responses whose headers
 * exceed 4 or 8 KiB.
 */
const MAX_FILE_NAME_LENGTH = 255

/** Shortens a file name that is too long, and keeps its extension. */
function shortened(fileName: string): string {
  if (fileName.length <= MAX_FILE_NAME_LENGTH) return fileName
  const extension = /\.[^.]{1,15}$/.exec(fileName)?.[0] ?? ''
  // Without the first half of a character whose second half is cut off.
  const start = fileName.slice(0, MAX_FILE_NAME_LENGTH - extension.length).replace(/[\ud800-\udbff]$/, '')
  return start + extension
}

/**
 * Returns a `Content-Disposition` with a quoted ASCII fallback and the name in UTF-8 (RFC 6266, RFC 8187). A
 * name of more than 255 characters is shortened.
 */
export function contentDisposition(type: 'inline' | 'attachment', completeName: string): string {
  const fileName = shortened(completeName)
  const ascii = fileName.replace(/[^\x20-\x7e]/g, '?').replace(/["\\%]/g, '_')
  const exact = percentEncode(encodeURIComponent(fileName.toWellFormed()), /['()*]/g)
  return `${type}; filename="${ascii}"; filename*=UTF-8''${exact}`
}

/** Returns the last segment of a URL's path, decoded if possible. Empty when the path ends with a slash. */
export function fileNameOfUrl(url: string): string {
  const segment = new URL(url).pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(segment).replace(/[\u0000-\u001f\u007f-\u009f/\\]/g, '_')
  } catch (error) {
    if (error instanceof URIError) return segment
    throw error
  }
}

/** Replaces the extension of a file name, or appends one when it has none. */
export function withExtension(fileName: string, extension: string): string {
  const dot = fileName.lastIndexOf('.')
  return `${dot > 0 ? fileName.slice(0, dot) : fileName}.${extension}`
}

/** Returns the response to a failure: its phrase as plain text, not cacheable. */
export function failureResponse(failure: Failure, requestId: string): Response {
  const phrase = phraseOf(failure)
  return new Response(phrase, {
    status: statusOf(failure),
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      // A HEAD response states the length too.
      'content-length': String(phrase.length),
      'cache-control': 'no-store',
      ...CORS_HEADERS,
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
      ...failure.headers,
    },
  })
}

/** Headers that are read by lower-case name. */
export type ReadableHeaders = Pick<Headers, 'get' | 'has'>

/** Returns the caller's request id if it is well-formed, or a new one. */
export function requestIdOf(headers: ReadableHeaders): string {
  const given = headers.get('x-request-id')
  return given !== null && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : crypto.randomUUID()
}
