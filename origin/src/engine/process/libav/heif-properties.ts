/** What the properties of a HEIF item say of its colours, and of what is done to it before it is shown. */

import type { Colours } from '../container/container.ts'
import type { Size } from '../image/plan.ts'
import { coloursOf } from './colours.ts'
import type { HeifProperty } from './heif-items.ts'

const COLOUR_TYPE_BYTES = 4
const UNSPECIFIED: Colours = {
  matrix: undefined,
  transfer: undefined,
  primaries: undefined,
  fullRange: false,
}

/** The ICC profile of an item. */
export function profileOf(properties: readonly HeifProperty[]): Uint8Array | undefined {
  const found = properties.find(({ type, data }) => type === 'colr' && /^(prof|rICC)/.test(latin1(data)))
  return found && Buffer.from(found.data.subarray(COLOUR_TYPE_BYTES))
}

/** The colours that an item declares by code points (ITU-T H.273). */
export function nclxColours(properties: readonly HeifProperty[]): Colours {
  const found = properties.find(({ type, data }) => type === 'colr' && latin1(data).startsWith('nclx'))
  if (found === undefined || found.data.length < COLOUR_TYPE_BYTES + 7) return UNSPECIFIED
  const { data } = found
  return coloursOf({
    colorPrimaries: data.readUInt16BE(COLOUR_TYPE_BYTES),
    colorTrc: data.readUInt16BE(COLOUR_TYPE_BYTES + 2),
    colorSpace: data.readUInt16BE(COLOUR_TYPE_BYTES + 4),
    colorRange: data.readUInt8(COLOUR_TYPE_BYTES + 6) >> 7 === 1 ? 2 : 1,
  })
}

export interface Transforms {
  readonly filters: readonly string[]
  /** Size of the picture when they are done. */
  readonly size: Size
}

/**
 * Cropping, turning and mirroring (ISO/IEC 23008-12, section 6.5) in the order in which the item has them; undefined
 * where it is cropped to nothing.
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
      const turns = (data[0] ?? 0) & 3
      filters.push(...(ANTICLOCKWISE[turns] ?? []))
      if (turns % 2 === 1) [width, height] = [height, width]
    } else if (type === 'imir') {
      filters.push(((data[0] ?? 0) & 1) === 0 ? 'vflip' : 'hflip')
    }
  }
  return { filters, size: { width, height } }
}

const ANTICLOCKWISE = [[], ['transpose=cclock'], ['hflip', 'vflip'], ['transpose=clock']]
const CLEAN_APERTURE_BYTES = 32

/** Width, height and the offset of its centre, each as a fraction (ISO/IEC 14496-12, section 12.1.4). */
function cleanAperture(data: Buffer, { width, height }: Size): (Size & { x: number; y: number }) | undefined {
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

function latin1(data: Buffer): string {
  return data.toString('latin1', 0, COLOUR_TYPE_BYTES)
}
