import type { SourceImageFormat } from '../../../media/kinds.ts'
import { colourTableBytes } from './gif/gif-frames.ts'
import { pngChunks } from './png/png-chunks.ts'
import { riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './webp/riff.ts'

/**
 * Whether a file holds only its image, so that its original bytes may leave the service.
 *
 * The check is a list of allowed parts, not of parts known to be private: cameras, phones and editors store
 * places, names, thumbnails and whole videos in their own segments, chunks and trailers, and keep inventing
 * new ones.
 */
export function holdsOnlyImage(bytes: Uint8Array, format: SourceImageFormat): boolean {
  switch (format) {
    case 'jpeg':
      return isOnlyJpeg(bytes)
    case 'png':
      return isOnlyPng(bytes)
    case 'webp':
      return isOnlyWebp(bytes)
    case 'gif':
      return isOnlyGif(bytes)
    default:
      // The boxes of AVIF reference each other too freely for a list of harmless ones.
      return false
  }
}

/**
 * Allows only JFIF without a thumbnail and Adobe's colour marker in addition to the coded image: no comment,
 * and nothing after its end.
 */
function isOnlyJpeg(bytes: Uint8Array): boolean {
  let at = 2
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    if (marker === 0xda)
      return bytes[bytes.length - 2] === 0xff && bytes.at(-1) === 0xd9 && endsOnce(bytes, at)
    const end = at + 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
    if (marker === 0xfe) return false
    if (marker >= 0xe0 && marker <= 0xef && !isBareSegment(marker, buffer.subarray(at + 4, end))) return false
    at = end
  }
  return false
}

/**
 * Whether an application segment is JFIF's header without a thumbnail (ITU-T T.871, section 10.1) or
 * Adobe's marker (ITU-T T.872, section 6.5.3). Cameras use the same markers for thumbnails and data of their
 * own.
 */
function isBareSegment(marker: number, data: Buffer): boolean {
  if (marker === 0xe0)
    return data.length === 14 && data.toString('latin1', 0, 5) === 'JFIF\0' && data.readUInt16BE(12) === 0
  return marker === 0xee && data.length === 12 && data.toString('latin1', 0, 5) === 'Adobe'
}

/**
 * Whether the first end marker is also the last two bytes. In coded data 0xff is followed by 0 or a
 * restart marker, so an end marker really is the end.
 */
function endsOnce(bytes: Uint8Array, from: number): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.indexOf(END_OF_IMAGE, from) === bytes.length - 2
}

const END_OF_IMAGE = Buffer.from([0xff, 0xd9])

/** The chunks of an image and the largest length of each, in bytes. Coded data have no largest length. */
const BARE_PNG_CHUNKS: Readonly<Record<string, number>> = {
  IHDR: 13,
  PLTE: 768,
  tRNS: 256,
  IDAT: Infinity,
  IEND: 0,
  acTL: 8,
  fcTL: 26,
  fdAT: Infinity,
  gAMA: 4,
  sRGB: 1,
  cHRM: 32,
  sBIT: 4,
  bKGD: 6,
  pHYs: 9,
  hIST: 512,
}

function isOnlyPng(bytes: Uint8Array): boolean {
  for (const { id, data, end } of pngChunks(bytes)) {
    if (data.length > (BARE_PNG_CHUNKS[id] ?? -1)) return false
    if (id === 'IEND') return end === bytes.length
  }
  return false
}

/** The chunks of a frame and of an animation and the largest length of each, in bytes. */
const BARE_FRAME_CHUNKS: Readonly<Record<string, number>> = {
  'VP8 ': Infinity,
  VP8L: Infinity,
  ALPH: Infinity,
}
const BARE_WEBP_CHUNKS: Readonly<Record<string, number>> = {
  ...BARE_FRAME_CHUNKS,
  VP8X: 10,
  ANIM: 6,
  ANMF: Infinity,
}

function isOnlyWebp(bytes: Uint8Array): boolean {
  return holdsOnly(bytes, WEBP_HEADER_BYTES, BARE_WEBP_CHUNKS)
}

function holdsOnly(bytes: Uint8Array, start: number, allowed: Readonly<Record<string, number>>): boolean {
  let end = start
  for (const { id, data } of riffChunks(bytes, start)) {
    if (data.length > (allowed[id] ?? -1)) return false
    if (id === 'ANMF' && !holdsOnly(data, WEBP_FRAME_HEADER_BYTES, BARE_FRAME_CHUNKS)) return false
    end += 8 + data.length + (data.length % 2)
  }
  return end >= bytes.length
}

/**
 * The largest length of a graphic control extension and of one that declares looping and buffering, in bytes.
 */
const CONTROL_BYTES = 8
const LOOPING_BYTES = 25

/**
 * Allows only graphic control and the application extensions that declare looping. Other extensions, comments
 * and text may hold private data.
 */
function isOnlyGif(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 13 + colourTableBytes(buffer[10])
  while (at < buffer.length) {
    const block = buffer[at]
    const start = at
    let maxBytes = Number.POSITIVE_INFINITY
    if (block === 0x3b) return at === buffer.length - 1
    if (block === 0x2c) {
      at += 10 + colourTableBytes(buffer[at + 9]) + 1
    } else if (block === 0x21) {
      const label = buffer[at + 1]
      const application = label === 0xff ? buffer.toString('latin1', at + 3, at + 14) : undefined
      const looping = application === 'NETSCAPE2.0' || application === 'ANIMEXTS1.0'
      if (label !== 0xf9 && !looping) return false
      maxBytes = looping ? LOOPING_BYTES : CONTROL_BYTES
      at += 2
    } else {
      return false
    }
    while (at < buffer.length && buffer[at] !== 0) at += 1 + (buffer[at] ?? 0)
    at += 1
    if (at - start > maxBytes) return false
  }
  return false
}
