/** The frames of a rendition as shown, decoded without any code of the service. */

import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { type PngFile, type PngPart, readPng } from './png-facts.ts'
import type { Frame } from './score.ts'

/** Returns every frame of a file. */
export async function framesOf(bytes: Buffer): Promise<readonly Frame[]> {
  const png = readPng(bytes)
  if (png !== undefined && png.frames.length > 0) return playApng(png)
  const { data, info } = await sharp(bytes, { animated: true })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, pageHeight: height = info.height } = info
  const frameBytes = width * height * 4
  return Array.from({ length: data.length / frameBytes }, (_, at) => ({
    width,
    height,
    data: data.subarray(at * frameBytes, (at + 1) * frameBytes),
  }))
}

/** Plays an APNG as the service writes it: each part replaces what was there and stays. */
async function playApng(png: PngFile): Promise<readonly Frame[]> {
  const { width, height } = png
  const canvas = Buffer.alloc(width * height * 4)
  const shown: Frame[] = []
  for (const part of png.frames) {
    if (part.dispose !== 0 || part.blend !== 0) throw new Error('an animated PNG with parts of another kind')
    const { data } = await sharp(asPng(png, part)).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    for (let row = 0; row < part.height; row += 1) {
      const start = row * part.width * 4
      const to = ((part.top + row) * width + part.left) * 4
      data.copy(canvas, to, start, start + part.width * 4)
    }
    shown.push({ data: Buffer.from(canvas), width, height })
  }
  return shown
}

function asPng({ header, palette }: PngFile, { width, height, data }: PngPart): Buffer {
  const own = Buffer.from(header)
  own.writeUInt32BE(width, 0)
  own.writeUInt32BE(height, 4)
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([signature, chunk('IHDR', own), ...palette, chunk('IDAT', data), chunk('IEND')])
}

function chunk(type: string, data: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.alloc(12 + data.length)
  bytes.writeUInt32BE(data.length, 0)
  bytes.write(type, 4, 'latin1')
  bytes.set(data, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length)
  return bytes
}
