/**
 * Repairs damaged files as far as their data goes (contract, section 3). Decoders are configured to continue
 * when data ends early or is corrupt. A file without any image data would become a grey or black image; such
 * files are detected here.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { isHeif, type SourceImageFormat } from '../../../media/kinds.ts'
import { withRowsInOrder } from './gif/gif-interlace.ts'
import { withWholePalettes } from './gif/gif-palettes.ts'
import { withTransparency } from './gif/gif-transparency.ts'
import { normalizeGif } from './gif/normalize-gif.ts'
import { repairGif } from './gif/repair-gif.ts'
import { withValidApertures } from './heif/apertures.ts'
import { withoutAppendedMovie } from './heif/appended-movie.ts'
import { withRotationFirst } from './heif/turns.ts'
import { repairJpeg } from './jpeg/repair-jpeg.ts'
import { withDeclaredProfile } from './png/png-colours.ts'
import { type PngRepairOptions, repairPng } from './png/repair-png.ts'
import { withWholePalette } from './png/whole-palette.ts'
import { withSupportedImages } from './svg/svg-images.ts'
import { withScreenRules } from './svg/svg-media.ts'
import { svgSize, withPixelSize } from './svg/svg-root.ts'
import { svgAsUtf8, withoutWarnings } from './svg/svg-text.ts'
import { withVariables } from './svg/svg-variables.ts'
import { unsupportedTiffReason } from './tiff/tiff-samples.ts'
import { repairWebp } from './webp/repair-webp.ts'
import { withTransparencyFlag } from './webp/webp-transparency.ts'

/**
 * A Sharp option: warnings, errors and missing data do not reject an image of which every browser shows a
 * part.
 */
export const TOLERANT_OPTIONS = { failOn: 'none' } as const

/**
 * A Sharp option: a PNG is rejected at the first error, so that the job runs again with its data repaired.
 * Libvips would paint the missing rows black.
 */
export const STRICT_OPTIONS = { failOn: 'truncated' } as const

export interface Repaired {
  readonly bytes: Uint8Array
  /** Whether the source is damaged, so that its own bytes must not be passed through as the rendition. */
  readonly damaged: boolean
}

/**
 * Returns a file whose header decoders can read, repairing it when they cannot read that of the source. Fails
 * with `undecodable` or `too-large-dimensions`.
 */
export function repairHeader(bytes: Uint8Array, format: SourceImageFormat): Repaired | Failure {
  if (format === 'svg') {
    const svg = svgAsUtf8(bytes)
    return isFailure(svg) ? svg : { bytes: svg, damaged: false }
  }
  const unread = format === 'tiff' ? unsupportedTiffReason(bytes) : undefined
  if (unread !== undefined) return fail('undecodable', unread)
  if (isHeif(format)) {
    const cropped = withValidApertures(bytes) ?? bytes
    // Browsers do not show HEIC, and its viewers follow the listed order. libheif does not decode it.
    if (format === 'heic') return { bytes: cropped, damaged: false }
    const turned = withRotationFirst(cropped) ?? cropped
    return { bytes: withoutAppendedMovie(turned) ?? turned, damaged: false }
  }
  if (format !== 'webp') return { bytes, damaged: false }
  const whole = repairWebp(bytes)
  const read = whole ?? bytes
  return { bytes: withTransparencyFlag(read) ?? read, damaged: whole !== undefined }
}

/**
 * Returns a file that decoders show as browsers do, repairing it when they would show the source differently.
 * The header must have been validated. Fails with `undecodable` when there is nothing to show, and when a PNG
 * has to be repaired with `checksData`.
 */
export async function repair(
  bytes: Uint8Array,
  format: SourceImageFormat,
  { checksData }: PngRepairOptions,
): Promise<Repaired | Failure> {
  switch (format) {
    case 'png': {
      const repaired = await repairPng(bytes, { checksData })
      if (repaired !== undefined && !(repaired instanceof Uint8Array)) return repaired
      const painted = repaired ?? bytes
      const whole = withWholePalette(painted) ?? painted
      const profiled = await withDeclaredProfile(whole, checksData ? TOLERANT_OPTIONS : STRICT_OPTIONS)
      if (isFailure(profiled)) return profiled
      // The source also counts as damaged when colour chunks were dropped: the check for private data sees
      // only the repaired bytes, and not what these chunks held.
      return { bytes: profiled ?? whole, damaged: repaired !== undefined || profiled !== undefined }
    }
    case 'jpeg': {
      if (!hasScan(bytes)) return fail('undecodable', 'no scan')
      const whole = repairJpeg(bytes)
      return { bytes: whole ?? bytes, damaged: whole !== undefined }
    }
    case 'gif': {
      const ordered = withRowsInOrder(bytes) ?? bytes
      const coloured = withWholePalettes(ordered) ?? ordered
      const read = normalizeGif(coloured) ?? coloured
      const repaired = repairGif(read)
      const whole = repaired?.bytes ?? read
      return { bytes: withTransparency(whole) ?? whole, damaged: repaired?.isPartial === true }
    }
    case 'svg':
      return { bytes: await normalizeSvg(bytes), damaged: false }
    default:
      return { bytes, damaged: false }
  }
}

async function normalizeSvg(svg: Uint8Array): Promise<Uint8Array> {
  const known = withoutWarnings(await withSupportedImages(svg))
  return withPixelSize(withVariables(withScreenRules(known, svgSize(known))))
}

const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9

/** Whether coded data follows the headers of a JPEG (ITU-T T.81, annex B). */
function hasScan(bytes: Uint8Array): boolean {
  let at = 2
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]
    // Any number of fill bytes may precede a marker.
    if (marker === 0xff) {
      at += 1
      continue
    }
    const next = at + 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
    if (marker === START_OF_SCAN)
      return next < bytes.length && !(bytes[next] === 0xff && bytes[next + 1] === END_OF_IMAGE)
    at = next
  }
  // Stray bytes between segments: the decoder may or may not be able to continue.
  return at < bytes.length
}
