/** Objects as they are stored with a `Content-Encoding`, and what is to be answered of them. */

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

export interface Encoded {
  readonly coding: string
  readonly stored: Uint8Array
  /** What was encoded. */
  readonly plain: Uint8Array
}

/** Short when it is compressed, and no two parts of it are alike. */
export function textOf(bytes: number): Buffer {
  const lines = Array.from({ length: Math.ceil(bytes / 16) }, (_, index) => `${`line ${index}`.padEnd(15)}\n`)
  return Buffer.from(lines.join('')).subarray(0, bytes)
}

/** Every way of encoding that is undone, and those that are none. */
export function encodedOf(plain: Uint8Array): readonly Encoded[] {
  const gzipped = gzipSync(plain)
  const half = Math.floor(plain.length / 2)
  return [
    ['gzip', gzipped],
    ['GZIP', gzipped],
    ['x-gzip', gzipped],
    // RFC 1952 lets members follow each other.
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

/** What cannot be answered as what it says. */
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

/** Small as it is stored, and without an end once it is decoded. */
export function bombOf(decodedBytes: number): Buffer {
  return gzipSync(Buffer.alloc(decodedBytes))
}
