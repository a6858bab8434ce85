/**
 * The properties of a rendition other than its appearance: how it was coded, and when its frames are shown.
 */

import sharp from 'sharp'
import { pngFacts, readPng } from './png-facts.ts'

export type Facts = Readonly<Record<string, unknown>>

/** Returns the facts of a file, without its size in bytes. Facts that a format does not have are left out. */
export async function factsOf(bytes: Buffer): Promise<Facts> {
  const header = await sharp(bytes, { animated: true }).metadata()
  const { format, width, height, pageHeight = height, pages = 1, loop, delay, hasAlpha } = header
  const metadata = Object.entries({ exif: header.exif, icc: header.icc, xmp: header.xmp, iptc: header.iptc })
  const png = readPng(bytes)
  return {
    format,
    width,
    height: pageHeight,
    frames: png === undefined || png.frames.length === 0 ? pages : png.frames.length,
    ...(pages > 1 ? { loop, delaysMs: delay } : {}),
    ...(png !== undefined && png.frames.length > 0
      ? { loop: png.loop, delaysMs: png.frames.map(({ delayMs }) => delayMs) }
      : {}),
    alpha: hasAlpha,
    metadata: metadata.filter(([, data]) => data !== undefined).map(([name]) => name),
    ...(format === 'jpeg' ? jpegFacts(bytes) : {}),
    ...(format === 'webp' ? { coding: webpCodings(bytes) } : {}),
    ...(format === 'heif' ? avifFacts(bytes) : {}),
    ...(png === undefined ? {} : pngFacts(png)),
  }
}

const [PROGRESSIVE, SCAN] = [0xc2, 0xda]

/** Returns the scans, and by how much each channel is larger than the smallest one (ITU-T T.81, annex B). */
function jpegFacts(bytes: Buffer) {
  let [progressive, scans, sampling] = [false, 0, '']
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at] === 0xff ? (bytes[at + 1] ?? 0) : 0
    // Coded pixels, in which 0xff is followed by 0 or by a restart marker.
    if (marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd9)) {
      at += 1
      continue
    }
    if (marker >= 0xc0 && marker <= 0xc2) {
      progressive = marker === PROGRESSIVE
      const factors = Array.from(
        { length: bytes[at + 9] ?? 0 },
        (_, channel) => bytes[at + 11 + 3 * channel] ?? 0,
      )
      sampling = factors.map((factor) => `${factor >> 4}x${factor & 15}`).join(' ')
    }
    if (marker === SCAN) scans += 1
    at += 2 + bytes.readUInt16BE(at + 2)
  }
  return { progressive, scans, sampling }
}

function webpCodings(bytes: Buffer): readonly string[] {
  const lossy = bytes.includes('VP8 ', 0, 'latin1')
  const lossless = bytes.includes('VP8L', 0, 'latin1')
  return [...(lossy ? ['lossy'] : []), ...(lossless ? ['lossless'] : [])]
}

/** Reads the configuration of the first coded item (AV1 in ISO media, section 2.3.3). */
function avifFacts(bytes: Buffer) {
  const at = bytes.indexOf('av1C', 0, 'latin1')
  const flags = bytes[at + 6] ?? 0
  const [across, down] = [(flags >> 3) & 1, (flags >> 2) & 1]
  const depth = (flags & 0x40) === 0 ? 8 : (flags & 0x20) === 0 ? 10 : 12
  const grey = (flags & 0x10) !== 0
  return { depth, sampling: grey ? '4:0:0' : down === 1 ? '4:2:0' : across === 1 ? '4:2:2' : '4:4:4' }
}
