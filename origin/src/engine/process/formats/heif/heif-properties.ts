/** The transformations that the properties of a HEIF item declare. */

import type { Size } from '../../../../media/size.ts'
import type { HeifItem, HeifProperty } from './heif-items.ts'

export interface Transforms {
  readonly filters: readonly string[]
  /** The size of the image after the transformations. */
  readonly size: Size
}

/**
 * Returns the cropping, rotation and mirroring (ISO/IEC 23008-12, section 6.5) in the order in which the item
 * lists them. Undefined when the cropped area is empty or outside the image.
 */
export function transformsOf(properties: readonly HeifProperty[], coded: Size): Transforms | undefined {
  const filters: string[] = []
  let { width, height } = coded
  for (const { type, data } of properties) {
    if (type === 'clap' && data.length >= CLEAN_APERTURE_BYTES) {
      const crop = cleanAperture(data, { width, height })
      if (crop === undefined) return undefined
      filters.push(`crop=${crop.width}:${crop.height}:${crop.x}:${crop.y}:exact=1`)
      ;({ width, height } = crop)
    } else if (type === 'irot') {
      const steps = (data[0] ?? 0) & 3
      filters.push(...(ANTICLOCKWISE[steps] ?? []))
      if (steps % 2 === 1) [width, height] = [height, width]
    } else if (type === 'imir') {
      filters.push(((data[0] ?? 0) & 1) === 0 ? 'vflip' : 'hflip')
    }
  }
  return { filters, size: { width, height } }
}

/** The bytes of `ispe`: version and flags, width, and height (ISO/IEC 23008-12, section 6.5.3). */
const SIZE_BYTES = 12

/** Returns the size of an item as shown. Undefined when the item declares none. */
export function sizeOfItem({ properties }: HeifItem): Size | undefined {
  const coded = codedSize(properties)
  return coded && transformsOf(properties, coded)?.size
}

/** Returns the declared size before the transformations. Undefined when there is none. */
export function codedSize(properties: readonly HeifProperty[]): Size | undefined {
  const coded = properties.find(({ type, data }) => type === 'ispe' && data.length >= SIZE_BYTES)?.data
  return coded && { width: coded.readUInt32BE(4), height: coded.readUInt32BE(8) }
}

/**
 * The offset of the luma bit depth in `hvcC`, in the three lowest bits (ISO/IEC 14496-15, section 8.3.3.1).
 */
const LUMA_DEPTH_AT = 17

/** Whether an HEVC image has more than 8 bits per sample, or does not declare it. */
export function isDeepHevc({ properties }: HeifItem): boolean {
  const depth = properties.find(({ type }) => type === 'hvcC')?.data[LUMA_DEPTH_AT]
  return depth === undefined || (depth & 7) > 0
}

const ANTICLOCKWISE = [[], ['transpose=cclock'], ['hflip', 'vflip'], ['transpose=clock']]
const CLEAN_APERTURE_BYTES = 32

/**
 * Returns the area that is kept. Undefined when it is empty or not inside the image. The box holds its width,
 * its height and the offset of its centre, each as a fraction (ISO/IEC 14496-12, section 12.1.4).
 */
export function cleanAperture(
  data: Buffer,
  { width, height }: Size,
): (Size & { x: number; y: number }) | undefined {
  const [w = 0, h = 0, right = 0, down = 0] = [0, 8, 16, 24].map(
    (at) => data.readInt32BE(at) / data.readInt32BE(at + 4),
  )
  const crop = {
    width: Math.round(w),
    height: Math.round(h),
    x: Math.round(right + (width - w) / 2),
    y: Math.round(down + (height - h) / 2),
  }
  const inside =
    crop.width > 0 &&
    crop.height > 0 &&
    crop.x >= 0 &&
    crop.y >= 0 &&
    crop.x + crop.width <= width &&
    crop.y + crop.height <= height
  return inside ? crop : undefined
}
