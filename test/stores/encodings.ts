/** Objects stored with a `Content-Encoding`, and the expected responses. */

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

export interface Encoded {
  readonly coding: string
  readonly stored: Uint8Array
  /** The content before encoding. */
  readonly plain: Uint8Array
}

/** Returns a text that compresses well and in which no two parts are equal. */
export function textOf(bytes: number): Buffer {
  const lines = Array.from({ length: Math.ceil(bytes / 16) }, (_, index) => `${`line ${index}`.padEnd(15)}\n`)
  return Buffer.from(lines.join('')).subarray(0, bytes)
}

/** Returns the content in all supported encodings, and in some that are not decoded. */
export function encodedOf(plain: Uint8Array): readonly Encoded[] {
  const gzipped = gzipSync(plain)
  const half = Math.floor(plain.length / 2)
  return [
    ['gzip', gzipped],
    ['GZIP', gzipped],
    ['x-gzip', gzipped],
    // RFC 1952 allows several members in a row.
    ['gzip ', Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))])],
    ['br', brotliCompressSync(plain)],
    ['deflate', deflateSync(plain)],
    ['deflate', deflateRawSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['gzip, br', brotliCompressSync(gzipped)],
    ['aws-chunked,gzip', gzipped],
    ['gzip, identity', gzipped],
    ['aws-chunked', plain],
    ['identity', plain],
    ['utf-8', plain],
    ['base64', plain],
  ].map(([coding, stored]) => ({ coding: String(coding), stored: stored as Uint8Array, plain }))
}

/** Returns data that do not match their declared encoding. */
export function brokenOf(plain: Uint8Array): readonly Omit<Encoded, 'plain'>[] {
  const gzipped = gzipSync(plain)
  const damaged = Buffer.from(gzipped)
  damaged.fill(0xff, 20, 40)
  return [
    ...['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip'].map((coding) => ({ coding, stored: plain })),
    { coding: 'gzip', stored: gzipped.subarray(0, gzipped.length - 9) },
    { coding: 'gzip', stored: damaged },
    { coding: 'compress', stored: plain },
    { coding: 'gzip, gzip, gzip, gzip', stored: gzipped },
  ]
}

export const MIB = 1024 * 1024

/** Returns data that are small when stored and very large when decoded. */
export function bombOf(decodedBytes: number): Buffer {
  return gzipSync(Buffer.alloc(decodedBytes))
}
