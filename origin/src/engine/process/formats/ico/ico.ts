/** Selects the entry of a Windows icon or cursor that browsers show. */

import { type IconEntry, iconEntries, iconImageFormat } from '../../../../media/icon-directory.ts'
import type { Size } from '../../../../media/size.ts'
import { BMP_FILE_HEADER_BYTES, bmpSize } from '../bmp/bmp.ts'
import { pngChunks } from '../png/png-chunks.ts'

export interface IconImage {
  /** The coding of the image. A bitmap has to be decoded with `inIcon`. */
  readonly format: 'png' | 'bmp'
  /** A part of the file. */
  readonly bytes: Uint8Array
}

/**
 * Returns the entry with the largest area in the directory, and among entries of one size the one with the
 * most bits per pixel, as Chromium does. Undefined when that entry is missing, or neither a PNG nor a bitmap.
 * Browsers do not fall back to another entry then.
 */
export function shownIcon(file: Uint8Array): IconImage | undefined {
  const [first, ...others] = iconEntries(file) ?? []
  if (first === undefined) return undefined
  const { offset } = others.reduce((best, entry) => (isBetter(entry, best) ? entry : best), first)
  const format = iconImageFormat(file, offset)
  if (format === undefined) return undefined
  // Like browsers, this ignores the byte count in the directory. The bitmap decoder skips 14 bytes for a file
  // header; the directory, which is longer, precedes every entry.
  return format === 'png'
    ? { format, bytes: wholePng(file.subarray(offset)) }
    : { format, bytes: file.subarray(offset - BMP_FILE_HEADER_BYTES) }
}

function isBetter(entry: IconEntry, best: IconEntry): boolean {
  const [area, bestArea] = [entry.width * entry.height, best.width * best.height]
  return area === bestArea ? entry.bits > best.bits : area > bestArea
}

/** Returns a PNG without the entries that follow it. */
function wholePng(bytes: Uint8Array): Uint8Array {
  for (const { id, end } of pngChunks(bytes)) if (id === 'IEND') return bytes.subarray(0, end)
  return bytes
}

/**
 * Returns the size of the shown image in pixels. It is read from the header of that image, because the
 * directory may declare another one. Undefined when no image is shown.
 */
export function icoSize(file: Uint8Array): Size | undefined {
  const image = shownIcon(file)
  if (image === undefined) return undefined
  return image.format === 'png' ? pngSize(image.bytes) : bmpSize(image.bytes, { inIcon: true })
}

/** Reads the size from the first chunk, which has to be IHDR (PNG specification, section 11.2.1). */
function pngSize(png: Uint8Array): Size | undefined {
  if (png.length < PNG_SIZE_END) return undefined
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  const [width, height] = [view.getUint32(PNG_SIZE_END - 8), view.getUint32(PNG_SIZE_END - 4)]
  return width > 0 && height > 0 ? { width, height } : undefined
}

const PNG_SIZE_END = 24
