/**
 * Pictures inside a drawing. librsvg knows PNG and JPEG alone, by the type that a data URL tells, in base64; browsers look
 * at the bytes. What it would not draw becomes PNG.
 */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { sniff } from '../../../media/sniff.ts'
import { isGzip } from '../../../media/sniff-svg.ts'
import { bmpSize, decodeBmp } from './bmp.ts'
import { UNLIMITED_PIXELS } from './inspect.ts'
import { sharp } from './sharp.ts'
import { svgAsUtf8 } from './svg-text.ts'

/** The type, what else is said of it, and the data. */
const DATA_URL = /data:([\w.+/-]*)((?:;[\w=.+-]+)*),([^"'<>)]*)/g
/** What all of them may have together: a photograph of a phone. */
const MAX_PIXELS = 16_000_000
const MAX_PICTURES = 64
/** A drawing in a drawing may have pictures, too. */
const MAX_DEPTH = 2

/** The document with such pictures replaced; itself where it has none. What does not decode is left as it is. */
export function withKnownImages(svg: Uint8Array): Promise<Uint8Array> {
  return replaceIn(svg, { pixels: MAX_PIXELS, pictures: MAX_PICTURES }, MAX_DEPTH)
}

interface Left {
  pixels: number
  pictures: number
}

async function replaceIn(svg: Uint8Array, left: Left, depth: number): Promise<Uint8Array> {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  if (!file.includes('data:') || depth === 0) return svg
  const parts: Buffer[] = []
  let at = 0
  for (const found of file.toString('latin1').matchAll(DATA_URL)) {
    const [whole, type = '', parameters = '', data = ''] = found
    if (isDrawn(type, parameters, data)) continue
    const picture = bytesOf(parameters, data)
    const replaced = picture && (await asKnown(picture, type, left, depth))
    if (replaced === undefined) continue
    left.pictures -= 1
    if (left.pictures < 0) break
    parts.push(file.subarray(at, found.index), Buffer.from(replaced))
    at = found.index + whole.length
  }
  return parts.length === 0 ? svg : Buffer.concat([...parts, file.subarray(at)])
}

/** The first bytes of PNG and JPEG in base64. */
const STARTS: ReadonlyMap<string, string> = new Map([
  ['image/png', 'iVBORw0KGgo'],
  ['image/jpeg', '/9j/'],
])

/** Tells whether librsvg draws a picture, by its first bytes alone: most are large. */
function isDrawn(type: string, parameters: string, data: string): boolean {
  const start = STARTS.get(type)
  return start !== undefined && parameters === ';base64' && data.trimStart().startsWith(start)
}

function bytesOf(parameters: string, data: string): Buffer | undefined {
  try {
    const plain = data.includes('%') ? unescapeBytes(data) : data
    return Buffer.from(plain, parameters.endsWith(';base64') ? 'base64' : 'latin1')
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Each escape is a byte, and each byte a character of Latin-1. */
function unescapeBytes(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

/** A data URL that librsvg draws; undefined where it would not help. */
async function asKnown(
  picture: Buffer,
  type: string,
  left: Left,
  depth: number,
): Promise<string | undefined> {
  const kind = await sniff(picture)
  const format = kind?.kind === 'image' ? kind.format : undefined
  if (format === 'svg') {
    // Browsers show none that is compressed.
    if (isGzip(picture)) return undefined
    const plain = svgAsUtf8(picture)
    const drawing = plain instanceof Uint8Array ? await replaceIn(plain, left, depth - 1) : undefined
    const isSame = type === 'image/svg+xml' && drawing === picture
    return drawing === undefined || isSame ? undefined : dataUrl('image/svg+xml', drawing)
  }
  if (format === 'png' || format === 'jpeg') return dataUrl(`image/${format}`, picture)
  if (format === undefined) return undefined
  const png = format === 'bmp' ? await bmpAsPng(picture, left) : await asPng(picture, left)
  return png && dataUrl('image/png', png)
}

function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}

async function bmpAsPng(picture: Buffer, left: Left): Promise<Buffer | undefined> {
  const size = bmpSize(picture)
  if (size === undefined || size.width * size.height > left.pixels) return undefined
  left.pixels -= size.width * size.height
  const decoded = await decodeBmp(picture)
  if (isFailure(decoded)) return undefined
  const { data, width, height, channels } = decoded
  return sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
    .png({ compressionLevel: 1 })
    .toBuffer()
}

async function asPng(picture: Buffer, left: Left): Promise<Buffer | undefined> {
  try {
    const { width, height } = await sharp(picture, UNLIMITED_PIXELS).metadata()
    if (width * height > left.pixels) return undefined
    left.pixels -= width * height
    return await sharp(picture, UNLIMITED_PIXELS).png({ compressionLevel: 1 }).toBuffer()
  } catch {
    // Browsers show nothing of it either.
    return undefined
  }
}
