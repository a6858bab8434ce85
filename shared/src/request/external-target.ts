/**
 * The encodings of an external target (contract, section 5). The signature covers the raw text, so the target
 * is decoded after the verification. It is decoded exactly once; with two passes `%2568` would have two
 * meanings.
 */

import { decodeBase64Url, encodeBase64Url } from '../encoding/base64url.ts'
import { type Failure, failWithHint } from '../response/failure.ts'
import { decodeSegment } from './object-key.ts'

/** The largest length of a URL that the service fetches, in characters. */
const MAX_EXTERNAL_URL_LENGTH = 8192

/**
 * Decodes a raw target to an absolute URL, normalised and without a fragment. Fails with `bad-request` when
 * it cannot be decoded, and with `address-rejected` when its scheme is neither http nor https or when it is
 * too long.
 */
export function decodeExternalTarget(rawTarget: string): string | Failure {
  const absolute =
    rawTarget.startsWith('v2/') || coversParameters(rawTarget)
      ? decodeBinary(rawTarget.slice(3))
      : /^https?%3a%2f%2f/i.test(rawTarget)
        ? decodeSegment(rawTarget)
        : decodeSegmented(rawTarget)
  if (absolute === undefined) return failWithHint('bad-request', 'the external target cannot be decoded')
  if (absolute.length > MAX_EXTERNAL_URL_LENGTH)
    return failWithHint('address-rejected', `the URL is longer than ${MAX_EXTERNAL_URL_LENGTH} characters`)
  if (!URL.canParse(absolute)) return failWithHint('bad-request', 'the external target is no absolute URL')
  const url = new URL(absolute)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return failWithHint('address-rejected', 'only http and https are allowed')
  url.hash = ''
  return url.href.length > MAX_EXTERNAL_URL_LENGTH
    ? failWithHint('address-rejected', `the URL is longer than ${MAX_EXTERNAL_URL_LENGTH} characters`)
    : url.href
}

/** Encodes a URL as in URL builders and canonical URLs. A `v3` signature also covers the parameters. */
export function encodeExternalTarget(url: string, version: 'v2' | 'v3' = 'v2'): string {
  return `${version}/${encodeBase64Url(new TextEncoder().encode(url))}`
}

/**
 * Whether the signature of a target also covers the query parameters. A segmented target is not base64url.
 */
export function coversParameters(rawTarget: string): boolean {
  return /^v3\/[A-Za-z0-9_-]+$/.test(rawTarget)
}

function decodeBinary(encoded: string): string | undefined {
  const bytes = decodeBase64Url(encoded)
  if (bytes === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** Decodes `[<query>/]<scheme>/<host>[:<port>]/<path>`, in which all but the slashes is percent-encoded. */
function decodeSegmented(rawTarget: string): string | undefined {
  const segments = rawTarget.split('/')
  const schemeAt = findScheme(segments)
  if (schemeAt === undefined) return undefined
  const query = decodeSegment(segments.slice(0, schemeAt).join('/'))
  const scheme = segments[schemeAt]
  const host = decodeSegment(segments[schemeAt + 1] ?? '')
  const path = decodeSegment(segments.slice(schemeAt + 2).join('/'))
  if (query === undefined || scheme === undefined || path === undefined || !host) return undefined
  // With a path, a query or user information in the host segment, the request would go to a different host.
  if (/[/?#\\@\s]/.test(host)) return undefined
  // The decoded text goes into the URL unchanged, except for characters that would end the path or the query.
  const safePath = path.replace(/[?#]/g, encodeURIComponent)
  const safeQuery = query.replaceAll('#', '%23')
  return `${scheme.toLowerCase()}://${host}/${safePath}${safeQuery === '' ? '' : `?${safeQuery}`}`
}

function findScheme(segments: readonly string[]): number | undefined {
  if (isScheme(segments[0])) return 0
  if (segments[0]?.toUpperCase().includes('%3D') && isScheme(segments[1])) return 1
  const at = segments.findIndex(isScheme)
  return at === -1 ? undefined : at
}

function isScheme(segment: string | undefined): boolean {
  return segment !== undefined && /^https?$/i.test(segment)
}
