/**
 * Sharp takes a colour profile only as part of a file. The simplest file that carries one is an uncompressed
 * TIFF (TIFF 6.0, section 2; the profile's tag is in the ICC specification, annex B.4): a header, the raw
 * pixels, the profile, and a directory with their offsets.
 */

import type { RawImage } from '../../pixels/raw-image.ts'

/**
 * Wraps RGB or RGBA pixels in a TIFF, with a profile if one is given. Samples of 16 bits are little-endian.
 */
export function wrapInTiff(
  { data, width, height, channels }: RawImage,
  profile: Uint8Array = NO_PROFILE,
  bitsPerSample: 8 | 16 = 8,
): Uint8Array {
  const pixelsAt = HEADER_BYTES
  const depthsAt = pixelsAt + data.length
  const profileAt = depthsAt + DEPTHS_BYTES
  const directoryAt = profileAt + profile.length + (profile.length % 2)
  const entries: readonly Entry[] = [
    [256, LONG, 1, width],
    [257, LONG, 1, height],
    [258, SHORT, channels, depthsAt],
    [259, SHORT, 1, NO_COMPRESSION],
    [262, SHORT, 1, RGB],
    [273, LONG, 1, pixelsAt],
    [277, SHORT, 1, channels],
    [278, LONG, 1, height],
    [279, LONG, 1, data.length],
    [284, SHORT, 1, INTERLEAVED],
    ...(channels === 4 ? ([[338, SHORT, 1, STRAIGHT_ALPHA]] as const) : []),
    ...(profile.length > 0 ? ([[34675, UNDEFINED, profile.length, profileAt]] as const) : []),
  ]
  const file = Buffer.alloc(directoryAt + 2 + entries.length * ENTRY_BYTES + 4)
  file.write('II*\0', 0, 'latin1')
  file.writeUInt32LE(directoryAt, 4)
  file.set(data, pixelsAt)
  for (let at = depthsAt; at < profileAt; at += 2) file.writeUInt16LE(bitsPerSample, at)
  file.set(profile, profileAt)
  file.writeUInt16LE(entries.length, directoryAt)
  for (const [index, [tag, type, count, value]] of entries.entries()) {
    const at = directoryAt + 2 + index * ENTRY_BYTES
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(type, at + 2)
    file.writeUInt32LE(count, at + 4)
    file.writeUInt32LE(value, at + 8)
  }
  return file
}

type Entry = readonly [tag: number, type: number, count: number, value: number]

const NO_PROFILE = new Uint8Array()
const HEADER_BYTES = 8
const ENTRY_BYTES = 12
const DEPTHS_BYTES = 8
const SHORT = 3
const LONG = 4
const UNDEFINED = 7
const NO_COMPRESSION = 1
const RGB = 2
const INTERLEAVED = 1
const STRAIGHT_ALPHA = 2
