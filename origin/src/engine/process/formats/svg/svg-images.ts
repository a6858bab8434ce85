/**
 * Converts images embedded in an SVG. librsvg draws only PNG and JPEG in base64, goes by the type that a data
 * URL declares, and ignores orientation and profiles; browsers look at the bytes. Images that librsvg would
 * not draw as browsers do are converted to PNG.
 */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { sniff } from '../../../../media/sniff.ts'
import { isGzip } from '../../../../media/sniff-svg.ts'
import { isProfileOf } from '../../colours/icc-header.ts'
import { sharp, UNLIMITED_PIXELS } from '../../pixels/sharp.ts'
import { decodeBmp } from '../bmp/bmp.ts'
import { type BmpOptions, bmpSize } from '../bmp/bmp-header.ts'
import { shownIcon } from '../ico/ico.ts'
import { svgAsUtf8 } from './svg-text.ts'

/** Matches the opening delimiter, the data URL up to its data, its type and its parameters. */
const DATA_URL = /(["'(]\s{0,100})(data:([\w.+/-]{0,100})((?:;[\w=.+-]{1,100}){0,8}),)/g
/** The largest number of pixels of all converted images together: a phone's photograph. */
export const MAX_PIXELS = 16_000_000
const MAX_IMAGES = 64
/** The nesting depth: an SVG inside an SVG may have images, too. */
const MAX_DEPTH = 2

/**
 * Returns the document with such images replaced, or the same bytes when it has none. Images that cannot be
 * decoded are left unchanged.
 */
export function withSupportedImages(svg: Uint8Array): Promise<Uint8Array> {
  return replaceIn(svg, { pixels: MAX_PIXELS, images: MAX_IMAGES }, MAX_DEPTH)
}

interface Left {
  pixels: number
  images: number
}

async function replaceIn(svg: Uint8Array, left: Left, depth: number): Promise<Uint8Array> {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  if (!file.includes('data:') || depth === 0) return svg
  const parts: Buffer[] = []
  let at = 0
  for (const { start, end, type, parameters, data } of dataUrls(file.toString('latin1'))) {
    const isKnown = isDrawn(type, parameters, data)
    if (isKnown && !mayHaveMetadata(data)) continue
    left.images -= 1
    if (left.images < 0) break
    const replaced = await asSupported(bytesOf(parameters, data), { type, isKnown }, left, depth)
    if (replaced === undefined) continue
    parts.push(file.subarray(at, start), Buffer.from(replaced))
    at = end
  }
  return parts.length === 0 ? svg : Buffer.concat([...parts, file.subarray(at)])
}

interface DataUrl {
  readonly start: number
  readonly end: number
  readonly type: string
  readonly parameters: string
  readonly data: string
}

/**
 * Yields each data URL, from the delimiter that opens an attribute or a `url()` to the one that closes it.
 * Quotes of the other kind may occur in between.
 */
function* dataUrls(text: string): Generator<DataUrl> {
  const ends = new Map<string, number>()
  let behind = 0
  for (const found of text.matchAll(DATA_URL)) {
    const [, opened = '', head = '', type = '', parameters = ''] = found
    const start = found.index + opened.length
    if (start < behind) continue
    const closed = opened.startsWith('(') ? ')' : opened.slice(0, 1)
    const dataAt = start + head.length
    let end = ends.get(closed) ?? 0
    if (end !== -1 && end < dataAt) end = text.indexOf(closed, dataAt)
    ends.set(closed, end)
    if (end === -1) continue
    behind = end
    const data = text.slice(dataAt, end)
    if (!/[<>]/.test(data)) yield { start, end, type, parameters, data }
  }
}

/** The first bytes of PNG and JPEG in base64, by the declared types for which librsvg accepts them. */
const STARTS: ReadonlyMap<string, string> = new Map([
  ['image/png', 'iVBORw0KGgo'],
  ['image/jpeg', '/9j/'],
  ['image/jpg', '/9j/'],
])

/** Whether librsvg draws an image. Checks only its first bytes, because most images are large. */
function isDrawn(type: string, parameters: string, data: string): boolean {
  const start = STARTS.get(type)
  return start !== undefined && parameters === ';base64' && data.trimStart().startsWith(start)
}

/** The bytes searched for metadata, which includes the preview image of a camera. */
const HEAD_CHARACTERS = 256 * 1024
/** The signatures of EXIF and ICC profiles in JPEG and PNG. */
const MARKS: readonly string[] = ['Exif\0', 'ICC_PROFILE\0', 'eXIf', 'iCCP']

/** Whether an image may have an orientation or a profile, so that its header has to be read. */
function mayHaveMetadata(data: string): boolean {
  const head = Buffer.from(data.slice(0, HEAD_CHARACTERS), 'base64')
  return MARKS.some((mark) => head.includes(mark, 0, 'latin1'))
}

function bytesOf(parameters: string, data: string): Buffer {
  const plain = data.includes('%') ? unescapeBytes(data) : data
  if (!parameters.endsWith(';base64')) return Buffer.from(plain, 'latin1')
  // Lines may end in XML character references, whose digits are not part of the data.
  return Buffer.from(plain.replace(/&#(?:\d{1,7}|x[\da-f]{1,6});/gi, ''), 'base64')
}

/** Decodes percent escapes. Each escape is one byte, and each byte one Latin-1 character. */
function unescapeBytes(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

interface DeclaredType {
  readonly type: string
  /** Whether librsvg draws it. */
  readonly isKnown: boolean
}

/** Returns a data URL that librsvg draws as browsers do. Undefined when a conversion would not help. */
async function asSupported(
  image: Buffer,
  { type, isKnown }: DeclaredType,
  left: Left,
  depth: number,
): Promise<string | undefined> {
  const kind = await sniff(image)
  const format = kind?.kind === 'image' ? kind.format : undefined
  if (format === 'svg') {
    // Browsers do not show compressed SVG here.
    if (isGzip(image)) return undefined
    const plain = svgAsUtf8(image)
    const drawing = plain instanceof Uint8Array ? await replaceIn(plain, left, depth - 1) : undefined
    const isSame = type === 'image/svg+xml' && drawing === image
    return drawing === undefined || isSame ? undefined : dataUrl('image/svg+xml', drawing)
  }
  if (format === 'png' || format === 'jpeg') {
    const shown = (await isShownOtherwise(image)) ? await asPng(image, left) : undefined
    if (shown !== undefined) return dataUrl('image/png', shown)
    return isKnown ? undefined : dataUrl(`image/${format}`, image)
  }
  if (format === undefined) return undefined
  const icon = format === 'ico' ? shownIcon(image) : undefined
  if (icon?.format === 'png')
    return asSupported(Buffer.from(icon.bytes), { type: '', isKnown: false }, left, depth)
  const bitmap = icon?.bytes ?? (format === 'bmp' ? image : undefined)
  const png =
    bitmap === undefined
      ? await asPng(image, left)
      : await bmpAsPng(bitmap, { inIcon: format === 'ico' }, left)
  return png && dataUrl('image/png', png)
}

function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}

async function bmpAsPng(bitmap: Uint8Array, options: BmpOptions, left: Left): Promise<Buffer | undefined> {
  const size = bmpSize(bitmap, options)
  if (size === undefined || size.width * size.height > left.pixels) return undefined
  left.pixels -= size.width * size.height
  const decoded = decodeBmp(bitmap, options)
  if (isFailure(decoded)) return undefined
  const { data, width, height, channels } = decoded
  return sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
    .png({ compressionLevel: 1 })
    .toBuffer()
}

/** Whether a PNG or JPEG has to be rotated, or converted by its profile. */
async function isShownOtherwise(image: Buffer): Promise<boolean> {
  try {
    const { orientation = 1, icc, space } = await sharp(image, UNLIMITED_PIXELS).metadata()
    return orientation > 1 || (isProfileOf(icc, space) && !SRGB_NAMES.some((name) => icc?.includes(name)))
  } catch {
    return false
  }
}

/** The name of sRGB as both versions of ICC profiles encode it. */
const SRGB_NAMES: readonly Buffer[] = [Buffer.from('sRGB'), Buffer.from('s\0R\0G\0B')]

async function asPng(image: Buffer, left: Left): Promise<Buffer | undefined> {
  try {
    const { width, height, format } = await sharp(image, UNLIMITED_PIXELS).metadata()
    if (width * height > left.pixels) return undefined
    left.pixels -= width * height
    const opened = sharp(image, UNLIMITED_PIXELS)
    // In an SVG, browsers apply the EXIF orientation only to these formats.
    const upright = format === 'jpeg' || format === 'png' ? opened.autoOrient() : opened
    return await upright.png({ compressionLevel: 1 }).toBuffer()
  } catch {
    // Browsers do not show such an image either.
    return undefined
  }
}
