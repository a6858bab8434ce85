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

function latin1(data: Buffer): string {
  return data.toString('latin1', 0, COLOUR_TYPE_BYTES)
}
