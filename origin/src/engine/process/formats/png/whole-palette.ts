import { encodePngChunk, type PngChunk, pngChunks } from './png-chunks.ts'

/**
 * Returns a copy of the PNG whose palette has an entry for each index that its pixels can have. Browsers show the
 * indices that a palette lacks in its last colour; libpng shows them in black. Undefined for a complete
 * palette, and for a PNG without one.
 */
export function withWholePalette(bytes: Uint8Array): Uint8Array | undefined {
  const { header, palette, alphas } = paletteChunks(bytes)
  if (header?.data[TYPE_AT] !== PALETTE_TYPE || palette === undefined) return undefined
  const missing = 2 ** Math.min(MAX_DEPTH, header.data[DEPTH_AT] ?? MAX_DEPTH) - palette.data.length / 3
  // libpng ignores a palette that is empty or has a part of a colour, and alphas without a colour.
  const isValid = palette.data.length > 0 && Number.isInteger(missing)
  if (missing <= 0 || !isValid || (alphas && alphas.data.length > palette.data.length / 3)) return undefined
  const last = palette.data.subarray(-3)
  const colours = Buffer.concat([palette.data, ...Array.from({ length: missing }, () => last)])
  const parts = [bytes.subarray(0, startOf(palette)), encodePngChunk('PLTE', colours)]
  // Colours without an alpha are opaque.
  if (alphas === undefined || alphas.data.length < palette.data.length / 3)
    return Buffer.concat([...parts, bytes.subarray(palette.end)])
  const transparency = Buffer.concat([alphas.data, Buffer.alloc(missing, alphas.data.at(-1))])
  return Buffer.concat([
    ...parts,
    bytes.subarray(palette.end, startOf(alphas)),
    encodePngChunk('tRNS', transparency),
    bytes.subarray(alphas.end),
  ])
}

const [DEPTH_AT, TYPE_AT] = [8, 9]
const PALETTE_TYPE = 3
const MAX_DEPTH = 8
/** The bytes of length, type and checksum around the data of a chunk. */
const FRAMING_BYTES = 12

function startOf({ data, end }: PngChunk): number {
  return end - data.length - FRAMING_BYTES
}

interface PaletteChunks {
  readonly header: PngChunk | undefined
  readonly palette: PngChunk | undefined
  /** The alphas of the colours, which follow the palette. */
  readonly alphas: PngChunk | undefined
}

function paletteChunks(bytes: Uint8Array): PaletteChunks {
  let header: PngChunk | undefined
  let palette: PngChunk | undefined
  let alphas: PngChunk | undefined
  for (const chunk of pngChunks(bytes)) {
    if (chunk.id === 'IDAT' || chunk.end > bytes.length) break
    if (chunk.id === 'IHDR') header ??= chunk
    if (chunk.id === 'PLTE') palette ??= chunk
    if (chunk.id === 'tRNS' && palette !== undefined) alphas ??= chunk
  }
  return { header, palette, alphas }
}
