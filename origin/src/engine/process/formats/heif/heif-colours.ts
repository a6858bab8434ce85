/** Reads the colour properties of a HEIF item. */

import { type Colours, coloursOf } from '../../colours/colours.ts'
import type { HeifProperty } from './heif-items.ts'

const COLOUR_TYPE_BYTES = 4
const UNSPECIFIED: Colours = {
  matrix: undefined,
  transfer: undefined,
  primaries: undefined,
  fullRange: false,
}

/** Returns the ICC profile of an item. Undefined when it has none. */
export function profileOf(properties: readonly HeifProperty[]): Buffer | undefined {
  const found = properties.find(({ type, data }) => type === 'colr' && /^(prof|rICC)/.test(latin1(data)))
  return found && Buffer.from(found.data.subarray(COLOUR_TYPE_BYTES))
}

/** Returns the colours that an item declares by code points (ITU-T H.273). */
export function nclxColours(properties: readonly HeifProperty[]): Colours {
  const data = nclxOf(properties)
  if (data === undefined) return UNSPECIFIED
  return coloursOf({
    colorPrimaries: data.readUInt16BE(COLOUR_TYPE_BYTES),
    colorTrc: data.readUInt16BE(COLOUR_TYPE_BYTES + 2),
    colorSpace: data.readUInt16BE(COLOUR_TYPE_BYTES + 4),
    colorRange: isFull(data) ? 2 : 1,
  })
}

/**
 * Whether an item declares full range by code points, which take precedence over the coded image
 * (ISO/IEC 23000-22). Undefined when it has no code points.
 */
export function isFullRangeNclx(properties: readonly HeifProperty[]): boolean | undefined {
  const data = nclxOf(properties)
  return data && isFull(data)
}

function nclxOf(properties: readonly HeifProperty[]): Buffer | undefined {
  const found = properties.find(({ type, data }) => type === 'colr' && latin1(data).startsWith('nclx'))
  return found !== undefined && found.data.length >= COLOUR_TYPE_BYTES + 7 ? found.data : undefined
}

function isFull(nclx: Buffer): boolean {
  return nclx.readUInt8(COLOUR_TYPE_BYTES + 6) >> 7 === 1
}

function latin1(data: Buffer): string {
  return data.toString('latin1', 0, COLOUR_TYPE_BYTES)
}
