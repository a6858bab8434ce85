/**
 * Identifies MP4, QuickTime, M4A, AVIF and HEIC, which share one container (ISO/IEC 14496-12) and differ in
 * their brands.
 */

import { fourCharacters } from './iso-boxes.ts'
import { hasOnlyAudio, hasVideoTrack } from './iso-tracks.ts'
import type { MediaFormat } from './kinds.ts'

/**
 * Returns the format of a file in the ISO base media container, or `other` for a brand that is not accepted
 * (camera raw). Undefined when the bytes are no such file.
 */
export const sniffIsoMedia = (
  bytes: Uint8Array,
  named: MediaFormat | undefined,
): MediaFormat | 'other' | undefined => {
  if (bytes.length < 12) return undefined
  const boxBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const type = fourCharacters(bytes, 4)

  if (BRANDED_TYPES.has(type)) {
    const [major = '', ...compatible] = brands(bytes, boxBytes)
    const format = formatOfBrands(major, compatible, named)
    // The tracks decide between video and audio, whatever the brand or the name, where these bytes list them.
    if (format === 'm4a') return hasVideoTrack(bytes) ? 'mp4' : 'm4a'
    return MAY_BE_AUDIO.has(format) && hasOnlyAudio(bytes) ? 'm4a' : format
  }
  // Files older than the brands, and files of recorders that write the media first. Without brands, only the
  // name distinguishes MP4 from QuickTime. Text that happens to contain such a type has no plausible size
  // before it.
  const isBox = boxBytes === 1 || (boxBytes >= 8 && boxBytes < MAX_UNBRANDED_BOX_BYTES)
  if (!UNBRANDED_TYPES.has(type) || !isBox) return undefined
  if (named === 'm4a') return hasVideoTrack(bytes) ? 'mp4' : 'm4a'
  return named === 'mp4' ? 'mp4' : 'mov'
}

/** Video formats that recorders also use for audio alone. */
const MAY_BE_AUDIO: ReadonlySet<string> = new Set(['mp4', 'mov', '3gp'])

/** The brand boxes of a file and of a segment, which can be a complete video (section 8.16.2). */
const BRANDED_TYPES: ReadonlySet<string> = new Set(['ftyp', 'styp'])

const UNBRANDED_TYPES: ReadonlySet<string> = new Set(['moov', 'mdat', 'free', 'skip', 'wide', 'pnot'])
/** Four printable characters read as a size are at least this. */
const MAX_UNBRANDED_BOX_BYTES = 0x2000_0000

const brands = (bytes: Uint8Array, boxBytes: number): string[] => {
  const end = Math.min(boxBytes, bytes.length, MAX_FTYP_BYTES)
  const found = [fourCharacters(bytes, 8)]
  for (let at = 16; at + 4 <= end; at += 4) found.push(fourCharacters(bytes, at))
  return found
}

const MAX_FTYP_BYTES = 1024

const formatOfBrands = (
  major: string,
  compatible: readonly string[],
  named: MediaFormat | undefined,
): MediaFormat | 'other' => {
  // Browsers accept an AVIF brand at any position, and videos do not have one.
  if ([major, ...compatible].some((brand) => AVIF_BRANDS.has(brand))) return 'avif'
  if (IMAGE_BRANDS.has(major)) return 'heic'
  if (UNSUPPORTED_IMAGE_BRANDS.has(major)) return 'other'
  if (major === 'qt  ') return 'mov'
  if (major === 'crx ') return 'other'
  if (/^(M4A|M4B|F4A|F4B)/.test(major)) return 'm4a'
  if (/^3g[pg2]/.test(major)) return '3gp'
  // A video may contain an image, too, so the image brand counts only when there is no brand of videos.
  if (compatible.some((brand) => IMAGE_BRANDS.has(brand)) && ![major, ...compatible].some(isVideoBrand))
    return 'heic'
  // A video brand may hold only audio. The tracks are listed further on in the file.
  return named === 'm4a' ? 'm4a' : 'mp4'
}

const AVIF_BRANDS: ReadonlySet<string> = new Set(['avif', 'avis'])
/**
 * The brands of HEIF (ISO/IEC 23008-12, section 10 and annexes B, E and H) and MIAF (ISO/IEC 23000-22,
 * section 10), for images in HEVC, JPEG and AVC.
 */
const IMAGE_BRANDS: ReadonlySet<string> = new Set([
  ...['mif1', 'mif2', 'msf1', 'miaf'],
  ...['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'],
  ...['jpeg', 'jpgs', 'avci', 'avcs'],
])
/** Images in JPEG 2000, VVC and EVC, and images with a `mini` box. */
const UNSUPPORTED_IMAGE_BRANDS: ReadonlySet<string> = new Set([
  ...['j2ki', 'j2is', 'vvic', 'vvis', 'evbi', 'evbs', 'evmi', 'evms'],
  'mif3',
])

const isVideoBrand = (brand: string): boolean =>
  /^(iso.|mp4.|mp7.|avc1|hvc1|av01|dash|ms.h|cmf.|M4V.|f4v)/i.test(brand)
