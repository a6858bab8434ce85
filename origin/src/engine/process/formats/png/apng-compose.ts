import { setImmediate } from 'node:timers/promises'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { freeBuffer } from '../../../../streams/free-buffer.ts'
import { hasDeepProfile, toScreen } from '../../colours/deep-profile.ts'
import { decodingFailure } from '../../pixels/decoding-failure.ts'
import { orientPixels } from '../../pixels/orient-pixels.ts'
import type { RawImage } from '../../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../../pixels/sharp.ts'
import type { Apng, ApngFrame } from './apng.ts'

/**
 * Plays an animated PNG: yields each frame as shown, upright and in RGBA, one at a time. A frame is
 * overwritten by the next one, so it has to be used before the next one is requested. Ends with a failure
 * (`undecodable`) at a corrupt frame.
 */
export async function* playApng(apng: Apng, orientation = 1): AsyncGenerator<RawImage | Failure, void, void> {
  const { width, height } = apng
  const canvas: Canvas = { data: Buffer.alloc(width * height * RGBA), width, height }
  for (const [index, frame] of apng.frames.entries()) {
    // Before the first frame there is only an empty canvas.
    const restored = frame.dispose === 'previous' && index > 0 ? Buffer.from(canvas.data) : undefined
    const failure = await draw(frame, canvas)
    if (failure !== undefined) {
      yield failure
      return
    }
    yield orientation === 1
      ? { data: canvas.data, width, height, channels: RGBA }
      : orientPixels(canvas.data, { width, height }, orientation)
    if (restored !== undefined) {
      freeBuffer(canvas.data)
      canvas.data = restored
    } else if (frame.dispose !== 'none') clear(frame, canvas)
  }
}

const RGBA = 4

interface Canvas {
  data: Buffer
  readonly width: number
  readonly height: number
}

async function draw(frame: ApngFrame, canvas: Canvas): Promise<Failure | undefined> {
  const { width, height } = frame
  try {
    const opened = sharp(frame.png(), { ...UNLIMITED_PIXELS, failOn: 'truncated' })
    const deepProfile = frame.isDeep && hasDeepProfile(await opened.metadata())
    const part = toScreen(opened, { deepProfile }).toColourspace('srgb').ensureAlpha()
    const pixels = await part.raw({ depth: 'uchar' }).toBuffer()
    if (pixels.length !== width * height * RGBA)
      return fail('undecodable', `a frame of ${pixels.length} bytes`)
    if (frame.blend === 'source') copy(pixels, frame, canvas)
    else await blendOver(pixels, frame, canvas)
    freeBuffer(pixels)
    return undefined
  } catch (error) {
    return decodingFailure(error)
  }
}

function copy(pixels: Buffer, { left, top, width, height }: ApngFrame, canvas: Canvas): void {
  for (let row = 0; row < height; row += 1) {
    const target = ((top + row) * canvas.width + left) * RGBA
    pixels.copy(canvas.data, target, row * width * RGBA, (row + 1) * width * RGBA)
  }
}

/** The number of pixels blended before the event loop gets a turn: a few milliseconds of work. */
const PIXELS_AT_A_TIME = 500_000

/**
 * Blends the frame over the canvas, both with straight alpha, and rounds to the nearest level. Sharp could do
 * this, but it rounds down: an image would grow darker over hundreds of frames.
 */
async function blendOver(pixels: Buffer, frame: ApngFrame, canvas: Canvas): Promise<void> {
  const { left, top, width, height } = frame
  const rowsAtATime = Math.max(1, Math.floor(PIXELS_AT_A_TIME / width))
  for (let row = 0; row < height; row += 1) {
    if (row > 0 && row % rowsAtATime === 0) await setImmediate()
    const target = ((top + row) * canvas.width + left) * RGBA
    blendRow(pixels, row * width * RGBA, canvas.data, target, width)
  }
}

function blendRow(source: Buffer, from: number, canvas: Buffer, to: number, width: number): void {
  for (let at = 0; at < width * RGBA; at += RGBA) {
    const alpha = source[from + at + 3] ?? 0
    const under = canvas[to + at + 3] ?? 0
    if (alpha === 0) continue
    if (alpha === 255 || under === 0) {
      canvas.writeUInt32LE(source.readUInt32LE(from + at), to + at)
      continue
    }
    // In units of 1/255²: the share that the source covers, and the share that remains visible beneath it.
    const over = alpha * 255
    const left = (255 - alpha) * under
    for (let channel = 0; channel < 3; channel += 1) {
      const value = (source[from + at + channel] ?? 0) * over + (canvas[to + at + channel] ?? 0) * left
      canvas[to + at + channel] = Math.round(value / (over + left))
    }
    canvas[to + at + 3] = Math.round((over + left) / 255)
  }
}

function clear({ left, top, width, height }: ApngFrame, canvas: Canvas): void {
  for (let row = 0; row < height; row += 1) {
    const start = ((top + row) * canvas.width + left) * RGBA
    canvas.data.fill(0, start, start + width * RGBA)
  }
}
