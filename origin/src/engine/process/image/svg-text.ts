/** SVG in other clothes: compressed (`.svgz`), or in another encoding than UTF-8, which is all that librsvg reads. */

import { gunzipSync } from 'node:zlib'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { isGzip, xmlEncoding } from '../../../media/sniff-svg.ts'

/** Drawings of megabytes compress to a tenth; what is larger was made to be large. */
const MAX_INFLATED_BYTES = 16 * 1024 * 1024

/** The document as UTF-8; the bytes themselves where they are that. Fails with `undecodable` or `too-large-dimensions`. */
export function svgAsUtf8(bytes: Uint8Array): Uint8Array | Failure {
  const plain = isGzip(bytes) ? inflate(bytes) : bytes
  if (!(plain instanceof Uint8Array)) return plain
  const told = xmlEncoding(plain)
  const encoding = told === 'utf-8' ? (declaredEncoding(plain) ?? told) : told
  if (encoding === 'utf-8') return plain
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
    return gunzipSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES })
  } catch (error) {
    const tooLarge = error instanceof RangeError
    return fail(tooLarge ? 'too-large-dimensions' : 'undecodable', String(error))
  }
}

/** `<?xml version="1.0" encoding="…"?>`: without it a document is UTF-8. */
const DECLARATION = /^\uFEFF?<\?xml\s[^>]*\?>/

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1')
  return /^<\?xml\s[^>]*encoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1]?.toLowerCase()
}
