import type { Size } from '../../../../media/size.ts'
import { hasRightChecksum, pngChunks } from './png-chunks.ts'

/** The header of a PNG whose pixels are shown as they are stored. */
export interface PlainPng extends Size {
  readonly palette: boolean
  readonly hasAlpha: boolean
  /** 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA). */
  readonly bands: number
  readonly interlaced: boolean
}

/**
 * Reads the header of a PNG of at most 8 bits per sample (PNG specification, section 11.2.1). Undefined for a
 * PNG with any chunk that may change its colours or its orientation, with several frames, or with a damaged
 * header: Sharp reads these. For a small PNG, Sharp takes as long as for decoding it.
 */
export function readPlainPng(bytes: Uint8Array): PlainPng | undefined {
  let header: Uint8Array | undefined
  let hasTransparency = false
  for (const chunk of pngChunks(bytes)) {
    const { id, data } = chunk
    if (header === undefined) {
      if (id !== 'IHDR' || data.length !== IHDR_BYTES || !hasRightChecksum(chunk, bytes)) return undefined
      header = data
    } else if (id === 'IDAT') {
      return plainHeader(header, hasTransparency)
    } else if (id === 'tRNS') {
      hasTransparency = true
    } else if (!IGNORED.has(id)) {
      return undefined
    }
  }
  return undefined
}

/**
 * Chunks before the image data that do not change how it is shown. One after it is not read, and an animation
 * declares itself before it.
 */
const IGNORED: ReadonlySet<string> = new Set(['PLTE', 'sRGB', 'pHYs', 'tIME', 'tEXt', 'bKGD', 'sBIT'])

const IHDR_BYTES = 13
const [DEPTH_AT, TYPE_AT, COMPRESSION_AT, FILTER_AT, INTERLACE_AT] = [8, 9, 10, 11, 12]

/** The colour types, with their bands and the depths that are not deeper than 8 bits. */
const TYPES: ReadonlyMap<number, { readonly bands: number; readonly depths: readonly number[] }> = new Map([
  [0, { bands: 1, depths: [1, 2, 4, 8] }],
  [2, { bands: 3, depths: [8] }],
  [3, { bands: 3, depths: [1, 2, 4, 8] }],
  [4, { bands: 2, depths: [8] }],
  [6, { bands: 4, depths: [8] }],
])
const PALETTE_TYPE = 3
const MAX_SIDE = 2 ** 31 - 1

function plainHeader(data: Uint8Array, hasTransparency: boolean): PlainPng | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const type = TYPES.get(view.getUint8(TYPE_AT))
  const interlace = view.getUint8(INTERLACE_AT)
  const isValid =
    [width, height].every((side) => side > 0 && side <= MAX_SIDE) &&
    view.getUint8(COMPRESSION_AT) === 0 &&
    view.getUint8(FILTER_AT) === 0 &&
    interlace <= 1
  if (!isValid || type?.depths.includes(view.getUint8(DEPTH_AT)) !== true) return undefined
  const bands = type.bands + (hasTransparency && type.bands % 2 === 1 ? 1 : 0)
  return {
    width,
    height,
    palette: view.getUint8(TYPE_AT) === PALETTE_TYPE,
    hasAlpha: bands % 2 === 0,
    bands,
    interlaced: interlace === 1,
  }
}
