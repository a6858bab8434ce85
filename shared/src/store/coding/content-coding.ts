/** The content codings of stored objects (RFC 9110, section 8.4), and their decoders. */

import { type Failure, fail } from '../../response/failure.ts'
import type { Zlib, ZlibStream } from '../platform.ts'

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
  zstd: 'zstd',
}

/** Codings that are registered at IANA but not supported here. */
const FOREIGN_CODINGS: readonly string[] = ['compress', 'x-compress', 'dcb', 'dcz', 'exi', 'pack200-gzip']

/**
 * The largest number of codings of an object. More of them serve no purpose other than to use up CPU time.
 */
const MAX_CODINGS = 3

/**
 * Returns the codings of a stored object in the order of decoding. As in browsers, values that are not
 * codings are ignored: `identity`, `aws-chunked` (which is decoded when the object is stored), and mistakes
 * such as `utf-8`.
 */
export function codingsOf(contentEncoding: string | undefined): readonly Coding[] | Failure {
  const tokens = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
  const foreign = tokens.find((token) => FOREIGN_CODINGS.includes(token))
  if (foreign !== undefined) return fail('broken-source', `stored with the content coding ${foreign}`)
  const codings = tokens.flatMap((token) => (Object.hasOwn(CODINGS, token) ? (CODINGS[token] ?? []) : []))
  if (codings.length > MAX_CODINGS)
    return fail('broken-source', `stored with ${codings.length} content codings`)
  return codings.toReversed()
}

/** The largest Zstandard window is 8 MiB (RFC 9659). Without a limit, a frame could require gigabytes. */
const ZSTD_WINDOW_LOG = 23

/** Creates the decoder of a coding. `first` is the first encoded byte. */
export function createDecoder(zlib: Zlib, coding: Coding, first: number): ZlibStream {
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip()
    case 'deflate':
      // Some servers send deflate without the zlib header, so all clients accept both forms.
      return (first & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw()
    case 'br':
      return zlib.createBrotliDecompress()
    case 'zstd':
      return zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })
  }
}
