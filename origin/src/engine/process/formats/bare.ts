import type { ImageFormat as SourceFormat } from '../../../media/kinds.ts'
import { colourTableBytes } from './gif/gif-frames.ts'
import { pngChunks } from './png/png-chunks.ts'
import { riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './webp/riff.ts'

/**
 * Returns whether a file holds only its image, so that its original bytes may leave the service.
 *
 * The check is a list of allowed parts, not of parts known to be private: cameras, phones and editors store
 * places, names, thumbnails and whole videos in their own segments, chunks and trailers, and keep inventing
 * new ones.
 */
export function isBare(bytes: Uint8Array, format: SourceFormat): boolean {
  switch (format) {
    case 'jpeg':
      return isBareJpeg(bytes)
    case 'png':
      return isBarePng(bytes)
    case 'webp':
      return isBareWebp(bytes)
    case 'gif':
      return isBareGif(bytes)
    default:
      // The boxes of AVIF reference each other too freely for a list of harmless ones.
      return false
  }
}

/**
 * Allows only JFIF and Adobe's colour marker in addition to the coded image: no comment, and nothing after
 * its end.
 */
function isBareJpeg(bytes: Uint8Array): boolean {
  let at = 2
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    if (marker === 0xda)
      return bytes[bytes.length - 2] === 0xff && bytes.at(-1) === 0xd9 && endsOnce(bytes, at)
    const application = marker >= 0xe0 && marker <= 0xef
    if ((application && marker !== 0xe0 && marker !== 0xee) || marker === 0xfe) return false
    at += 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  }
  return false
}

/**
 * Returns whether the first end marker is also the last two bytes. In coded data 0xff is followed by 0 or a
 * restart marker, so an end marker really is the end.
 */
function endsOnce(bytes: Uint8Array, from: number): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.indexOf(END_OF_IMAGE, from) === bytes.length - 2
}

const END_OF_IMAGE = Buffer.from([0xff, 0xd9])

const BARE_PNG_CHUNKS: ReadonlySet<string> = new Set([
  ...['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'gAMA', 'sRGB', 'cHRM', 'sBIT', 'bKGD', 'pHYs', 'hIST'],
  ...['acTL', 'fcTL', 'fdAT'],
])

function isBarePng(bytes: Uint8Array): boolean {
  for (const { id, end } of pngChunks(bytes)) {
    if (!BARE_PNG_CHUNKS.has(id)) return false
    if (id === 'IEND') return end === bytes.length
  }
  return false
}

const BARE_FRAME_CHUNKS: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'ALPH'])
const BARE_WEBP_CHUNKS: ReadonlySet<string> = new Set([...BARE_FRAME_CHUNKS, 'VP8X', 'ANIM', 'ANMF'])

function isBareWebp(bytes: Uint8Array): boolean {
  return holdsOnly(bytes, WEBP_HEADER_BYTES, BARE_WEBP_CHUNKS)
}

function holdsOnly(bytes: Uint8Array, start: number, allowed: ReadonlySet<string>): boolean {
  let end = start
  for (const { id, data } of riffChunks(bytes, start)) {
    if (!allowed.has(id)) return false
    if (id === 'ANMF' && !holdsOnly(data, WEBP_FRAME_HEADER_BYTES, BARE_FRAME_CHUNKS)) return false
    end += 8 + data.length + (data.length % 2)
  }
  return end >= bytes.length
}

/**
 * Allows only the application extensions that declare looping. Other extensions, comments and text may hold
 * private data.
 */
function isBareGif(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 13 + colourTableBytes(buffer[10])
  while (at < buffer.length) {
    const block = buffer[at]
    if (block === 0x3b) return at === buffer.length - 1
    if (block === 0x2c) {
      at += 10 + colourTableBytes(buffer[at + 9]) + 1
    } else if (block === 0x21) {
      const label = buffer[at + 1]
      const application = label === 0xff ? buffer.toString('latin1', at + 3, at + 14) : undefined
      const looping = application === 'NETSCAPE2.0' || application === 'ANIMEXTS1.0'
      if (label !== 0xf9 && !looping) return false
      at += 2
    } else {
      return false
    }
    while (at < buffer.length && buffer[at] !== 0) at += 1 + (buffer[at] ?? 0)
    at += 1
  }
  return false
}
