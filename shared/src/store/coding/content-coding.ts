/** The codings that an object was stored with (RFC 9110, section 8.4), and how they are undone. */

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

/** Registered at IANA, and nothing here undoes them. */
const FOREIGN_CODINGS: readonly string[] = ['compress', 'x-compress', 'dcb', 'dcz', 'exi', 'pack200-gzip']

/** Nobody stores more of them one over the other but to keep us busy. */
const MAX_CODINGS = 3

/**
 * The codings of a stored object in the order in which they are undone. What is no coding (`identity`; `aws-chunked`,
 * which was undone when the object was stored; `utf-8` and other misunderstandings) does not count, as in browsers.
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

/** Content codings may have windows of at most 8 MiB (RFC 9659): without a limit a frame may ask for gigabytes. */
const ZSTD_WINDOW_LOG = 23

/** What undoes a coding; `first` is the first byte of what is coded. */
export function createDecoder(zlib: Zlib, coding: Coding, first: number): ZlibStream {
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip()
    case 'deflate':
      // Some have always sent it without zlib's header, so every client takes both.
      return (first & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw()
    case 'br':
      return zlib.createBrotliDecompress()
    case 'zstd':
      return zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })
  }
}
