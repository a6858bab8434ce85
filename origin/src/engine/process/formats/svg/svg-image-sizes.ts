/**
 * The sizes of the images embedded in an SVG, read from their first bytes. The SVG's elements do not show how
 * much these images cost.
 */

import type { Size } from '../../../../media/size.ts'
import { bmpSize } from '../bmp/bmp-header.ts'
import { icoSize } from '../ico/ico.ts'
import { jpegFrame } from '../jpeg/jpeg-frame.ts'
import { WEBP_HEADER_BYTES } from '../webp/riff.ts'
import { MAX_PIXELS } from './svg-images.ts'

export interface SvgImages {
  /** The length of the base64 data within the document, in bytes. */
  readonly bytes: number
  readonly pixels: number
  /** Whether the last image extends past the end of the bytes that were searched. */
  readonly isUnfinished: boolean
}

/** Finds base64 data in the document. Data that does not start like an image counts no pixels. */
export function imagesInSvg(svg: Uint8Array): SvgImages {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  let [bytes, pixels, end] = [0, 0, 0]
  for (let at = file.indexOf(MARK); at >= 0; at = file.indexOf(MARK, end)) {
    const start = at + MARK.length
    end = start
    while (end < file.length && isClosing[file[end] ?? 0] === 0) end += 1
    bytes += end - start
    pixels += pixelsOf(
      Buffer.from(file.toString('latin1', start, Math.min(end, start + HEAD_CHARACTERS)), 'base64'),
    )
  }
  return { bytes, pixels, isUnfinished: end > 0 && end === file.length }
}

const MARK = ';base64,'
/** The characters that end the data: quotes, a parenthesis, and the start of an element. */
const isClosing = new Uint8Array(256)
for (const character of Buffer.from('"\')<', 'latin1')) isClosing[character] = 1
/**
 * The number of base64 characters that are decoded. Leaves room for what cameras and editors put before the
 * dimensions of a JPEG.
 */
const HEAD_CHARACTERS = 256 * 1024

function pixelsOf(image: Buffer): number {
  const kind = KINDS.find(({ mark, at }) => image.toString('latin1', at, at + mark.length) === mark)
  if (kind === undefined) return 0
  const size = kind.sizeOf(image)
  return size === undefined ? MAX_PIXELS : size.width * size.height
}

interface Kind {
  readonly mark: string
  readonly at: number
  /** Undefined when the dimensions are missing, or come too late in the file. */
  readonly sizeOf: (image: Buffer) => Size | undefined
}

const KINDS: readonly Kind[] = [
  { mark: '\x89PNG', at: 0, sizeOf: pngSize },
  { mark: '\xff\xd8', at: 0, sizeOf: jpegFrame },
  { mark: 'GIF8', at: 0, sizeOf: gifSize },
  { mark: 'WEBP', at: 8, sizeOf: webpSize },
  { mark: 'BM', at: 0, sizeOf: bmpSize },
  { mark: '\0\0\x01\0', at: 0, sizeOf: icoSize },
  { mark: '\0\0\x02\0', at: 0, sizeOf: icoSize },
  { mark: 'ftyp', at: 4, sizeOf: () => undefined },
]

function pngSize(png: Buffer): Size | undefined {
  return png.length < 24 ? undefined : { width: png.readUInt32BE(16), height: png.readUInt32BE(20) }
}

function gifSize(gif: Buffer): Size | undefined {
  return gif.length < 10 ? undefined : { width: gif.readUInt16LE(6), height: gif.readUInt16LE(8) }
}

/** Reads the size from each of the three kinds of first chunk (RFC 9649, sections 2.5 to 2.7). */
function webpSize(webp: Buffer): Size | undefined {
  if (webp.length < 30) return undefined
  switch (webp.toString('latin1', WEBP_HEADER_BYTES, WEBP_HEADER_BYTES + 4)) {
    case 'VP8X':
      return { width: webp.readUIntLE(24, 3) + 1, height: webp.readUIntLE(27, 3) + 1 }
    case 'VP8L': {
      const bits = webp.readUInt32LE(21)
      return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 }
    }
    default:
      return { width: webp.readUInt16LE(26) & 0x3fff, height: webp.readUInt16LE(28) & 0x3fff }
  }
}
