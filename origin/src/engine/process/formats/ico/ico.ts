/** Selects the entry of a Windows icon or cursor that browsers show. */

import { type IconEntry, iconEntries, iconImageFormat } from '../../../../media/icon-directory.ts'
import type { Size } from '../../../../media/size.ts'
import { BMP_FILE_HEADER_BYTES, bmpSize } from '../bmp/bmp-header.ts'
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
  const entry = shownEntry(iconEntries(file) ?? [])
  const image = entry === undefined ? undefined : imageAt(file, entry)
  return image?.format === 'png' ? { ...image, bytes: wholePng(image.bytes) } : image
}

function shownEntry([first, ...others]: readonly IconEntry[]): IconEntry | undefined {
  return first && others.reduce((best, entry) => (isBetter(entry, best) ? entry : best), first)
}

function imageAt(file: Uint8Array, { offset }: IconEntry): IconImage | undefined {
  const format = iconImageFormat(file, offset)
  // Like browsers, this ignores the byte count in the directory. The bitmap decoder skips 14 bytes for a file
  // header; the directory, which is longer, precedes every entry.
  const at = format === 'png' ? offset : offset - BMP_FILE_HEADER_BYTES
  return format && { format, bytes: file.subarray(at) }
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
  return image && sizeOf(image)
}

function sizeOf({ format, bytes }: IconImage): Size | undefined {
  return format === 'png' ? pngSize(bytes) : bmpSize(bytes, { inIcon: true })
}

/** Reads the size from the first chunk, which has to be IHDR (PNG specification, section 11.2.1). */
function pngSize(png: Uint8Array): Size | undefined {
  if (png.length < PNG_SIZE_END) return undefined
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  const [width, height] = [view.getUint32(PNG_SIZE_END - 8), view.getUint32(PNG_SIZE_END - 4)]
  return width > 0 && height > 0 ? { width, height } : undefined
}

const PNG_SIZE_END = 24

export interface OtherIcon {
  /** The size of its image in pixels. */
  readonly size: Size
  /** Copies the entry to a file without other entries. */
  readonly alone: () => Uint8Array
}

/** Returns the entries with an image that is not the shown one, the largest first. */
export function otherIcons(file: Uint8Array): readonly OtherIcon[] {
  const entries = iconEntries(file) ?? []
  const seen = new Set([shownEntry(entries)?.offset])
  const others: OtherIcon[] = []
  for (const entry of entries) {
    const image = seen.has(entry.offset) ? undefined : imageAt(file, entry)
    const size = image && sizeOf(image)
    seen.add(entry.offset)
    if (size !== undefined) others.push({ size, alone: () => iconOfOne(file.subarray(entry.offset)) })
  }
  return others.sort((one, other) => areaOf(other.size) - areaOf(one.size))
}

const areaOf = ({ width, height }: Size) => width * height

/** Builds an icon of one image. Only its offset matters in the directory. */
function iconOfOne(image: Uint8Array): Uint8Array {
  const directory = Buffer.alloc(DIRECTORY_BYTES_OF_ONE)
  directory.writeUInt16LE(1, 2)
  directory.writeUInt16LE(1, 4)
  directory.writeUInt32LE(DIRECTORY_BYTES_OF_ONE, DIRECTORY_BYTES_OF_ONE - 4)
  return Buffer.concat([directory, image])
}

const DIRECTORY_BYTES_OF_ONE = 22
