/**
 * Renders a still as WebP by libav alone: decodes, scales and encodes. A pipeline of Sharp costs one to two
 * milliseconds of CPU time however small its image is, which is more than the work on an emoji. A JPEG keeps
 * its luma and chroma from the decoder to the encoder, which saves two conversions of colours. CPU time in
 * milliseconds of both, with the same settings, where Sharp scales as far as it would here:
 *
 * | source             | WebP | Sharp | libav |
 * | ------------------ | ---- | ----- | ----- |
 * | PNG, 128 pixels    | 48   | 2.7   | 1.0   |
 * | PNG, 256 pixels    | 96   | 6.2   | 4.1   |
 * | PNG, 512 pixels    | 128  | 12.5  | 11.0  |
 * | PNG, 1024 pixels   | 256  | 27    | 35    |
 * | WebP, 256 pixels   | 96   | 3.8   | 2.3   |
 * | WebP, 512 pixels   | 128  | 8.8   | 5.7   |
 * | WebP, 1024 pixels  | 128  | 21    | 14    |
 * | JPEG, 256 pixels   | 128  | 3.5   | 1.5   |
 * | JPEG, 512 pixels   | 128  | 4.6   | 2.6   |
 * | JPEG, 1024x768     | 400  | 16    | 8.2   |
 * | JPEG, 1600x1200    | 550  | 23    | 20    |
 * | JPEG, 2725x2225    | 550  | 51    | 35    |
 */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import { divideByAlpha } from '../pixels/divide-by-alpha.ts'
import { codecNamed } from './codec-names.ts'
import { openDecoder } from './decoder.ts'
import { hasEncoder, openEncoder } from './encoder.ts'
import { asFailure } from './libav-rejection.ts'
import type { Libav } from './load.ts'
import { isPixelFormat, pixelName } from './pixels.ts'
import { scaleFrame } from './scale-frame.ts'

/** The decoders that are used, by the format of the source. */
const DECODERS = { png: 'png', webp: 'webp', jpeg: 'mjpeg' } as const

export type StillFormat = keyof typeof DECODERS

export interface StillHeader extends Size {
  readonly format: StillFormat
}

export interface WebpOptions extends Size {
  /** 1..100 */
  readonly quality: number
  /** libwebp's method, 0..6. */
  readonly effort: number
}

/**
 * Decodes a still. The caller frees the frame. Undefined when the source is damaged, or has other sides than
 * its header declares.
 */
export function decodeIntact(
  libav: Libav,
  bytes: Uint8Array,
  { format, width, height }: StillHeader,
): Frame | undefined {
  const codec = codecNamed(libav, DECODERS[format])
  if (codec === undefined) return undefined
  const maxPixels = aligned(width) * aligned(height)
  const opened = openDecoder(libav, { codec, maxPixels, rejectsDamage: true })
  if (isFailure(opened)) return undefined
  using decoder = opened
  using packet = new libav.library.Packet()
  packet.alloc()
  packet.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let decoded: Frame | null = null
  const onFrame = (frame: Frame) => {
    decoded ??= frame.clone()
  }
  const isIntact = decoder.decode(packet, onFrame)
  if (decoded === null) decoder.drain(onFrame)
  const frame = decoded as Frame | null
  if (frame === null) return undefined
  if (isIntact && frame.width === width && frame.height === height) return frame
  frame.free()
  return undefined
}

/** Rounds a side up as libav does for the rows that it allocates. */
function aligned(side: number): number {
  return Math.ceil(side / ALIGNMENT) * ALIGNMENT
}

const ALIGNMENT = 64

/** Subsampled formats without alpha, which the encoder takes without a detour through RGB. */
const YUV: ReadonlySet<string> = new Set(['yuv420p', 'yuvj420p', 'yuvj422p', 'yuvj444p'])
const OPAQUE: ReadonlySet<string> = new Set(['rgb24', 'gray'])
const TRANSPARENT: ReadonlySet<string> = new Set(['rgba', 'argb', 'pal8', 'ya8', 'yuva420p'])

/**
 * Scales and encodes a still. Undefined when its samples have a layout that is not handled here, and when this
 * build of libav has no encoder of WebP.
 */
export function renderWebp(libav: Libav, frame: Frame, options: WebpOptions): Buffer | undefined {
  using scaled = scaleStill(libav, frame, options)
  if (scaled === undefined) return undefined
  const encoded = asFailure(() => encodeWebp(libav, scaled, options))
  return isFailure(encoded) ? undefined : encoded
}

/**
 * Scales a frame to the size and to a format of the encoder. The caller frees the result. Undefined for other
 * formats.
 */
function scaleStill(libav: Libav, frame: Frame, size: Size): Frame | undefined {
  const { constants } = libav
  const name = pixelName(libav, frame)
  if (YUV.has(name)) return scaleFrame(libav, frame, size, constants.AV_PIX_FMT_YUV420P)
  if (OPAQUE.has(name)) return scaleFrame(libav, frame, size, constants.AV_PIX_FMT_BGRA)
  return TRANSPARENT.has(name) ? scaleTransparent(libav, frame, size) : undefined
}

/** Scales with the colours multiplied by alpha, so that those of transparent pixels do not show. */
function scaleTransparent(libav: Libav, frame: Frame, size: Size): Frame | undefined {
  const { constants } = libav
  using rgba = scaleFrame(libav, frame, frame, constants.AV_PIX_FMT_BGRA)
  const pixels = rgba?.data?.[0]
  if (rgba === undefined || pixels === undefined) return undefined
  if (rgba.width === size.width && rgba.height === size.height) return rgba.clone() ?? undefined
  const isTransparent = multiplyByAlpha(pixels)
  const scaled = scaleFrame(libav, rgba, size, constants.AV_PIX_FMT_BGRA)
  const result = scaled?.data?.[0]
  if (isTransparent && result !== undefined) divideByAlpha(result, 1)
  return scaled
}

const OPAQUE_ALPHA = 255

/** Multiplies the colours of BGRA pixels by their alpha. Returns whether any pixel is transparent. */
function multiplyByAlpha(bgra: Buffer): boolean {
  let isTransparent = false
  for (let at = 0; at + 3 < bgra.length; at += 4) {
    const alpha = bgra[at + 3] as number
    if (alpha === OPAQUE_ALPHA) continue
    isTransparent = true
    for (let channel = at; channel < at + 3; channel += 1)
      bgra[channel] = ((bgra[channel] as number) * alpha + OPAQUE_ALPHA / 2) / OPAQUE_ALPHA
  }
  return isTransparent
}

/** Encodes a frame of BGRA or YUV 4:2:0. Undefined when this build has no encoder of WebP. */
function encodeWebp(libav: Libav, frame: Frame, { quality, effort }: WebpOptions): Buffer | undefined {
  const { library } = libav
  const { format } = frame
  if (!hasEncoder(libav, ENCODER) || !isPixelFormat(format, frame)) return undefined
  using encoder = openEncoder(libav, ENCODER, (context) => {
    context.width = frame.width
    context.height = frame.height
    context.pixelFormat = format
    context.timeBase = new library.Rational(1, 1)
    context.setOption('quality', quality)
    context.setOption('compression_level', effort)
  })
  let encoded: Buffer | undefined
  const onPacket = ({ data }: { readonly data: Buffer | null }) => {
    if (data !== null) encoded ??= Buffer.from(data)
  }
  frame.pts = 0n
  encoder.encode(frame, onPacket)
  encoder.drain(onPacket)
  return encoded
}

const ENCODER = 'libwebp'
