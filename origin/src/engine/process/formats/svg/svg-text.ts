/**
 * Converts SVG that is compressed (`.svgz`) or encoded in something else than UTF-8, the only encoding that
 * librsvg reads.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { gunzipFirst, isGzip, xmlEncoding } from '../../../../media/sniff-svg.ts'

/**
 * The largest decompressed document, in bytes. Drawings of megabytes compress to a tenth; a larger one was
 * made to be large.
 */
const MAX_INFLATED_BYTES = 16 * 1024 * 1024

/**
 * Returns the document as UTF-8, or the same bytes when they already are. Fails with `undecodable` or
 * `too-large-dimensions`.
 */
export function svgAsUtf8(bytes: Uint8Array): Uint8Array | Failure {
  const plain = isGzip(bytes) ? inflate(bytes) : bytes
  if (!(plain instanceof Uint8Array)) return plain
  const detected = xmlEncoding(plain)
  const declared = detected === 'utf-8' ? declaredEncoding(plain) : undefined
  if (declared === undefined && detected === 'utf-8') return plain
  // A declaration of UTF-16 that could be read as ASCII is wrong: the text is in another encoding.
  const encoding = declared === undefined || declared.startsWith('utf-16') ? detected : declared
  if (declared === 'utf-8') return plain
  try {
    const text = new TextDecoder(encoding).decode(plain)
    return Buffer.from(text.replace(DECLARATION, ''))
  } catch (error) {
    if (error instanceof RangeError) return fail('undecodable', `an encoding called ${encoding}`)
    throw error
  }
}

function inflate(bytes: Uint8Array): Uint8Array | Failure {
  try {
    return gunzipFirst(bytes, { maxOutputLength: MAX_INFLATED_BYTES })
  } catch (error) {
    const tooLarge = error instanceof RangeError
    return fail(tooLarge ? 'too-large-dimensions' : 'undecodable', String(error))
  }
}

/** Matches `<?xml version="1.0" encoding="…"?>`. A document without it is UTF-8. */
const DECLARATION = /^\uFEFF?<\?xml\s[^>]*\?>/

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1')
  return /^<\?xml\s[^>]*encoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1]?.toLowerCase()
}

/**
 * Removes what libxml warns about, because libvips treats warnings as errors: other versions of XML,
 * namespaces without a scheme, and unknown values of `xml:space`.
 */
export function withoutWarnings(svg: Uint8Array): Uint8Array {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  if (!WARNED.some((name) => file.includes(name))) return svg
  const text = file.toString('latin1')
  const plain = text
    .replace(OTHER_VERSION, '$11.0$3')
    .replace(RELATIVE_NAMESPACE, '$1$2urn:$3$2')
    .replace(UNKNOWN_SPACING, '')
  return plain === text ? svg : Buffer.from(plain, 'latin1')
}

const WARNED: readonly string[] = ['<?xml', 'xmlns', 'xml:space']
/** Matches an XML declaration of another version, after an optional UTF-8 byte order mark. */
const OTHER_VERSION = /^((?:\xef\xbb\xbf)?<\?xml\s+version\s*=\s*(["']))1\.[1-9](\2)/
/** A namespace given by an entity cannot be checked here and is assumed to be valid. */
const RELATIVE_NAMESPACE = /(\sxmlns(?::[\w.-]+)?\s*=\s*)(["'])([^"':&]+)\2/g
const UNKNOWN_SPACING = /\sxml:space\s*=\s*(?:"(?!default"|preserve")[^"]*"|'(?!default'|preserve')[^']*')/g
