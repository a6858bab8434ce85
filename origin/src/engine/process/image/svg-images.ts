/** Pictures inside a drawing of which librsvg knows no format but PNG and JPEG: they become PNG. */

import { UNLIMITED_PIXELS } from './inspect.ts'
import { sharp } from './sharp.ts'

const OTHER = /data:image\/(?:webp|gif|avif);base64,([A-Za-z0-9+/=\s]+)/g
/** What all of them may have together: a photograph of a phone. */
const MAX_PIXELS = 16_000_000
const MAX_PICTURES = 64

/** The document with such pictures replaced; itself where it has none. What does not decode is left as it is. */
export async function withKnownImages(svg: Uint8Array): Promise<Uint8Array> {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  if (!['webp', 'gif', 'avif'].some((format) => file.includes(`data:image/${format};base64,`))) return svg
  const parts: Buffer[] = []
  let at = 0
  let pixels = 0
  for (const found of [...file.toString('latin1').matchAll(OTHER)].slice(0, MAX_PICTURES)) {
    const [whole, coded = ''] = found
    const picture = Buffer.from(coded, 'base64')
    pixels += await pixelsOf(picture)
    if (pixels > MAX_PIXELS) break
    const png = await asPng(picture)
    if (png === undefined) continue
    parts.push(file.subarray(at, found.index), Buffer.from(`data:image/png;base64,${png.toString('base64')}`))
    at = found.index + whole.length
  }
  return parts.length === 0 ? svg : Buffer.concat([...parts, file.subarray(at)])
}

async function pixelsOf(picture: Buffer): Promise<number> {
  try {
    const { width, height } = await sharp(picture, UNLIMITED_PIXELS).metadata()
    return width * height
  } catch {
    return 0
  }
}

async function asPng(picture: Buffer): Promise<Buffer | undefined> {
  try {
    return await sharp(picture, UNLIMITED_PIXELS).png({ compressionLevel: 1 }).toBuffer()
  } catch {
    // Browsers show nothing of it either.
    return undefined
  }
}
