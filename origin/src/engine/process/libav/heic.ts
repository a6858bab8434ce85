/**
 * Decodes HEIF stills with libav's decoders of HEVC, AV1, AVC and JPEG. libav's demuxer reports neither which
 * tiles form an image nor how it is transformed, so the file is parsed here and only the coded images are
 * passed to the decoder.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import type { Colours } from '../colours/colours.ts'
import { coloursOf, mergeColours } from '../colours/colours.ts'
import { isFullRangeAv1 } from '../formats/heif/av1-range.ts'
import { isFullRangeNclx, nclxColours, profileOf } from '../formats/heif/heif-colours.ts'
import { codedItem, type HeifFile, type HeifItem, readHeif, shownItem } from '../formats/heif/heif-items.ts'
import { transformsOf } from '../formats/heif/heif-properties.ts'
import { divideByAlpha } from '../pixels/divide-by-alpha.ts'
import { decoderOf } from './codec-names.ts'
import { createConverter } from './convert.ts'
import { openDecoder } from './decoder.ts'
import { frameOfPixels } from './frame-of-pixels.ts'
import type { Libav } from './load.ts'
import { DEEP, isGrey, isPixelFormat, pixelName, rgbFormat, setAlpha, TO_RGB } from './pixels.ts'
import type { DecodedStill } from './still.ts'
import { placeTile, planarBytes, planeLayoutOf } from './yuv-canvas.ts'

/**
 * Decodes the primary image: its tiles assembled, then cropped, rotated and mirrored, with its alpha. Fails
 * with `undecodable`, also when the item is neither a coded image nor a grid of them.
 */
export function decodeHeifStill(libav: Libav, bytes: Uint8Array, maxPixels: number): DecodedStill | Failure {
  const file = readHeif(bytes)
  if (file === undefined) return fail('undecodable', 'no HEIF with a primary image')
  const primary = shownItem(file)
  const decoded = decodeItem(libav, { file, item: primary, maxPixels })
  if (isFailure(decoded)) return decoded
  using frame = decoded
  const transforms = transformsOf(primary.properties, frame)
  if (transforms === undefined) return fail('undecodable', 'cropped to nothing')
  const colours = mergeColours(nclxColours(primary.properties), coloursOf(frame))
  const deep = DEEP.test(pixelName(libav, frame))
  const alphaItem = file.alphaOf(file.primary) ?? file.alphaOf(primary)
  const pixels = rgbFormat({ deep, alpha: alphaItem !== undefined })
  // The conversion comes first: cropping to the pixel before it would shift the chroma.
  const grey = isGrey(pixelName(libav, frame))
  const coded = codedItem(file, primary)
  // The filter treats grey as full range, whatever the file declares.
  const isFull = isFullRangeNclx(primary.properties) ?? isFullRangeAv1(file.bytesOf(coded) ?? Buffer.alloc(0))
  const expands = grey && coded.type === 'av01' && isFull === false
  const scale = expands ? EXPAND_GREY : scaleFilter(colours)
  const filters = [scale, `format=${pixels}`, ...transforms.filters]
  using converter = createConverter(libav, { filtersFor: () => filters, pixels })
  const data = converter.convert(frame)
  if (isFailure(data)) return data
  if (alphaItem !== undefined) {
    const mask = decodeMask(libav, { file, item: alphaItem, maxPixels }, primary)
    if (isFailure(mask)) return mask
    if (!setAlpha(data, mask, deep ? 2 : 1)) return fail('undecodable', 'alpha of another size')
    if (file.isPremultiplied(file.primary)) divideByAlpha(data, deep ? 2 : 1)
  }
  return {
    data,
    ...transforms.size,
    colours,
    channels: alphaItem === undefined ? 3 : 4,
    bitsPerSample: deep ? 16 : 8,
    isGrey: grey,
    icc: profileOf(primary.properties),
  }
}

/**
 * Returns the filter that converts to RGB. The matrix is BT.601 when none is declared, as written by cameras
 * before matrices were tagged.
 */
function scaleFilter({ matrix, fullRange }: Colours): string {
  const named = MATRICES.get(matrix ?? '') ?? 'bt601'
  return `${TO_RGB}:in_color_matrix=${named}${fullRange ? ':in_range=full' : ''}`
}

/** Expands grey of 8 to 12 bits from limited to full range. */
const EXPAND_GREY = "format=gray16le,lutyuv=y='clip((val-4096)*65535/56064,0,65535)'"

const MATRICES: ReadonlyMap<string, string> = new Map([
  ['bt709', 'bt709'],
  ['bt2020-ncl', 'bt2020'],
  ['rgb', 'auto'],
])

interface ItemOptions {
  readonly file: HeifFile
  readonly item: HeifItem
  readonly maxPixels: number
}

/** Returns the image of an item as coded. The caller frees it. */
function decodeItem(libav: Libav, options: ItemOptions): Frame | Failure {
  const { file, item, maxPixels } = options
  const grid = item.type === 'grid' ? gridOf(file, item) : undefined
  if (item.type !== 'grid') return decodeCoded(libav, options)
  if (grid === undefined || grid.width * grid.height > maxPixels) return fail('undecodable', 'grid')
  const tiles = file.sourcesOf(item)
  if (tiles.length !== grid.rows * grid.columns) return fail('undecodable', `${tiles.length} tiles`)
  return assembleGrid(libav, { ...options, grid, tiles })
}

interface Grid extends Size {
  readonly rows: number
  readonly columns: number
}

/** Reads an ImageGrid (ISO/IEC 23008-12, section 6.6.2.3). */
function gridOf(file: HeifFile, item: HeifItem): Grid | undefined {
  const data = file.bytesOf(item)
  if (data === undefined || data.length < 8) return undefined
  const long = (data.readUInt8(1) & 1) === 1
  if (long && data.length < 12) return undefined
  const [width, height] = long
    ? [data.readUInt32BE(4), data.readUInt32BE(8)]
    : [data.readUInt16BE(4), data.readUInt16BE(6)]
  const grid = { rows: data.readUInt8(2) + 1, columns: data.readUInt8(3) + 1, width, height }
  return width > 0 && height > 0 ? grid : undefined
}

function assembleGrid(
  libav: Libav,
  {
    file,
    grid,
    tiles,
    maxPixels,
  }: ItemOptions & { readonly grid: Grid; readonly tiles: readonly HeifItem[] },
): Frame | Failure {
  let canvas: { readonly data: Buffer; readonly pixels: string; readonly model: Frame } | undefined
  try {
    for (const [index, item] of tiles.entries()) {
      const decoded = decodeCoded(libav, { file, item, maxPixels })
      if (isFailure(decoded)) return decoded
      using tile = decoded
      const pixels = pixelName(libav, tile)
      const layout = planeLayoutOf(pixels)
      if (layout === undefined) return fail('undecodable', `tiles of ${pixels}`)
      const model = canvas === undefined ? tile.clone() : canvas.model
      if (model === null) return fail('undecodable', 'no room for a tile')
      canvas ??= { data: Buffer.alloc(planarBytes(layout, grid)), pixels, model }
      // All tiles have the same size and format (section 6.6.2.3.1), so the position of each follows from its
      // index.
      if (pixels !== canvas.pixels || tile.width !== model.width || tile.height !== model.height)
        return fail('undecodable', 'tiles of several kinds')
      // A tile outside the image shows nothing and only costs time.
      if ((grid.columns - 1) * tile.width >= grid.width || (grid.rows - 1) * tile.height >= grid.height)
        return fail('undecodable', 'more tiles than fit in the image')
      const [x, y] = [(index % grid.columns) * tile.width, Math.floor(index / grid.columns) * tile.height]
      placeTile(canvas.data, layout, grid, { data: tile.toBuffer(), size: tile, x, y })
    }
    return canvas === undefined ? fail('undecodable', 'no tiles') : asFrame(libav, canvas, grid)
  } finally {
    canvas?.model.free()
  }
}

function asFrame(
  libav: Libav,
  { data, model }: { readonly data: Buffer; readonly model: Frame },
  { width, height }: Size,
): Frame | Failure {
  const { format } = model
  if (!isPixelFormat(format, model)) return fail('undecodable')
  const frame = frameOfPixels(libav, data, { width, height, format })
  frame.colorSpace = model.colorSpace
  frame.colorRange = model.colorRange
  frame.colorTrc = model.colorTrc
  frame.colorPrimaries = model.colorPrimaries
  return frame
}

interface Coding {
  readonly codec: 'hevc' | 'av1' | 'h264' | 'mjpeg'
  /** The type of the property that the decoder needs. Undefined for a codec without parameter sets. */
  readonly description?: string
  /** The type of the optional property whose bytes precede those of the item. */
  readonly prefix?: string
}

/** The codec of each item type (ISO/IEC 23008-12, annexes B, E and H). */
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['hvc1', { codec: 'hevc', description: 'hvcC' }],
  ['av01', { codec: 'av1', description: 'av1C' }],
  ['avc1', { codec: 'h264', description: 'avcC' }],
  ['jpeg', { codec: 'mjpeg', prefix: 'jpgC' }],
])

function decodeCoded(libav: Libav, { file, item, maxPixels }: ItemOptions): Frame | Failure {
  const coding = CODINGS.get(item.type)
  const propertyOf = (wanted: string | undefined) => item.properties.find(({ type }) => type === wanted)?.data
  const description = propertyOf(coding?.description)
  const coded = file.bytesOf(item)
  const codec = coding && decoderOf(libav, coding.codec)
  const lacksDescription = coding?.description !== undefined && description === undefined
  if (lacksDescription || coded === undefined || codec === undefined)
    return fail('undecodable', `an item of ${item.type}`)
  const prefix = propertyOf(coding?.prefix)
  const opened = openDecoder(libav, { codec, description, maxPixels })
  if (isFailure(opened)) return opened
  using decoder = opened
  using packet = new libav.library.Packet()
  packet.alloc()
  packet.data = prefix === undefined ? coded : Buffer.concat([prefix, coded])
  packet.pts = 0n
  let frame: Frame | undefined
  const onFrame = (decoded: Frame) => {
    frame ??= decoded.clone() ?? undefined
  }
  decoder.decode(packet, onFrame)
  decoder.drain(onFrame)
  return frame ?? fail('undecodable', 'an image cannot be decoded')
}

/**
 * Returns the luma of an alpha image, transformed to the size and position of the image that it belongs to.
 */
function decodeMask(libav: Libav, options: ItemOptions, of: HeifItem): Buffer | Failure {
  const decoded = decodeItem(libav, options)
  if (isFailure(decoded)) return decoded
  using frame = decoded
  const own = transformsOf(options.item.properties, frame)
  const transforms = own === undefined || own.filters.length > 0 ? own : transformsOf(of.properties, frame)
  if (transforms === undefined) return fail('undecodable', 'alpha cropped to nothing')
  const filters = ['extractplanes=y', ...transforms.filters]
  using converter = createConverter(libav, { filtersFor: () => filters, pixels: 'gray' })
  const mask = converter.convert(frame)
  const { file, item } = options
  const isLimited = item.type === 'av01' && isFullRangeAv1(file.bytesOf(item) ?? Buffer.alloc(0)) === false
  return isFailure(mask) || !isLimited ? mask : expandToFullRange(mask)
}

const [BLACK, WHITE] = [16, 235]

/** Expands a mask from limited to full range. */
function expandToFullRange(mask: Buffer): Buffer {
  const full = Uint8Array.from({ length: 256 }, (_, value) =>
    Math.max(0, Math.min(255, Math.round(((value - BLACK) * 255) / (WHITE - BLACK)))),
  )
  return Buffer.from(Uint8Array.from(mask, (value) => full[value] ?? 0).buffer)
}
