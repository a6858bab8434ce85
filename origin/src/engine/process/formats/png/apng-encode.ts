import { sharp, UNLIMITED_PIXELS } from '../../pixels/sharp.ts'
import { framesOf, type Strip } from '../../pixels/strip.ts'
import { encodePngChunk, PNG_SIGNATURE, pngChunks } from './png-chunks.ts'
import { isSmallerFiltered, pngCompression } from './png-filters.ts'

/**
 * Encodes a strip as an animated PNG. Each frame replaces only the area that changed since the previous one,
 * which makes drawings several times smaller and is lossless.
 */
export async function encodeApng(strip: Strip): Promise<Uint8Array> {
  const frames = framesOf(strip)
  const opaque = frames.every(isOpaque)
  const [first] = frames
  const filtered = first !== undefined && isSmallerFiltered({ ...strip, data: first, channels: 4 })
  const { loop, delay = [] } = strip.timing
  const chunks: Uint8Array[] = []
  let sequence = 0
  let before: Uint8Array | undefined
  for (const [index, frame] of frames.entries()) {
    const part = before === undefined ? wholeOf(strip) : changedPart(before, frame, strip)
    const png = await encodePart(frame, part, strip, { opaque, filtered })
    const data = png.filter(({ id }) => id === 'IDAT').map((chunk) => chunk.data)
    if (before === undefined) {
      chunks.push(
        ...png.filter(({ id }) => id === 'IHDR').map((chunk) => encodePngChunk('IHDR', chunk.data)),
        encodePngChunk('acTL', uint32(frames.length), uint32(loop)),
      )
    }
    chunks.push(encodePngChunk('fcTL', uint32(sequence), control(part, delay[index] ?? 0)))
    sequence += 1
    for (const bytes of data) {
      if (before === undefined) {
        chunks.push(encodePngChunk('IDAT', bytes))
      } else {
        chunks.push(encodePngChunk('fdAT', uint32(sequence), bytes))
        sequence += 1
      }
    }
    before = frame
  }
  return Buffer.concat([PNG_SIGNATURE, ...chunks, encodePngChunk('IEND')])
}

interface Part {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

function wholeOf({ width, height }: Strip): Part {
  return { left: 0, top: 0, width, height }
}

/** Returns the smallest rectangle that holds every changed pixel, or a single pixel when none changed. */
function changedPart(before: Uint8Array, frame: Uint8Array, { width, height }: Strip): Part {
  const old = pixelsOf(before)
  const now = pixelsOf(frame)
  let [left, right, top, bottom] = [width, 0, height, 0]
  for (let y = 0; y < height; y += 1) {
    const start = y * width
    let first = 0
    while (first < width && old[start + first] === now[start + first]) first += 1
    if (first === width) continue
    let last = width - 1
    while (old[start + last] === now[start + last]) last -= 1
    left = Math.min(left, first)
    right = Math.max(right, last)
    top = Math.min(top, y)
    bottom = y
  }
  return left > right
    ? { left: 0, top: 0, width: 1, height: 1 }
    : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

function pixelsOf(frame: Uint8Array): Uint32Array {
  return frame.byteOffset % 4 === 0
    ? new Uint32Array(frame.buffer, frame.byteOffset, frame.byteLength / 4)
    : new Uint32Array(Uint8Array.from(frame).buffer)
}

function isOpaque(frame: Uint8Array): boolean {
  for (let at = 3; at < frame.length; at += 4) if (frame[at] !== 255) return false
  return true
}

/**
 * Encodes a part of a frame as a PNG and returns its chunks. All frames share one header apart from the size,
 * so either all have alpha or none has.
 */
async function encodePart(
  frame: Uint8Array,
  part: Part,
  { width, height }: Strip,
  { opaque, filtered }: { readonly opaque: boolean; readonly filtered: boolean },
) {
  const raw = { width, height, channels: 4 } as const
  const pipeline = sharp(frame, { ...UNLIMITED_PIXELS, raw })
    .extract(part)
    .png(pngCompression(filtered))
  return [...pngChunks(await (opaque ? pipeline.removeAlpha() : pipeline).toBuffer())]
}

const DISPOSE_NONE = 0
const BLEND_SOURCE = 0
const MAX_UINT16 = 0xffff

/** Returns the bytes that follow the sequence number in an `fcTL` chunk. */
function control({ left, top, width, height }: Part, delayMs: number): Uint8Array {
  const bytes = Buffer.alloc(22)
  for (const [index, value] of [width, height, left, top].entries()) bytes.writeUInt32BE(value, index * 4)
  // The delay is in thousandths of a second while it fits into 16 bits, which is about a minute, and in
  // seconds above that.
  const fine = delayMs <= MAX_UINT16
  bytes.writeUInt16BE(fine ? delayMs : Math.min(MAX_UINT16, Math.round(delayMs / 1000)), 16)
  bytes.writeUInt16BE(fine ? 1000 : 1, 18)
  bytes.set([DISPOSE_NONE, BLEND_SOURCE], 20)
  return bytes
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
