/** Decodes files to pixels, for analysis instead of delivery. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SourceImageFormat } from '../../../media/kinds.ts'
import { readApng } from '../formats/png/apng.ts'
import { playApng } from '../formats/png/apng-compose.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { sharp } from '../pixels/sharp.ts'
import type { ImageInfo } from './inspect.ts'
import { openFile } from './open-file.ts'

/** Whether Sharp, when it decodes a still, would not return the first displayed frame. */
export function needsOwnDecoder(info: ImageInfo): boolean {
  return isUnsupportedBySharp(info) || info.hidesDefault === true
}

function isUnsupportedBySharp({ format, ownDecoder }: ImageInfo): boolean {
  return UNSUPPORTED_BY_SHARP.has(format) || ownDecoder !== undefined
}

const UNSUPPORTED_BY_SHARP: ReadonlySet<SourceImageFormat> = new Set(['heic', 'jxl', 'bmp', 'ico'])

/** Decodes the still of a format that Sharp does not decode: in display orientation, 8-bit sRGB. */
export type DecodeStill = (bytes: Uint8Array, info: ImageInfo) => Promise<RawImage | Failure>

export interface DecodeImageOptions {
  /** From 0. The last frame is used when there are fewer. */
  readonly frame: number
  /** A larger image is scaled down to fit; the decoders of large images then do less work. */
  readonly maxSidePixels: number
}

/**
 * Decodes one frame of an image whose header was read and validated (with `animated` for any frame but the
 * first): in display orientation, in sRGB. Fails with `undecodable`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  info: ImageInfo,
  options: DecodeImageOptions,
  decodeStill: DecodeStill,
): Promise<RawImage | Failure> {
  const frame = Math.min(options.frame, info.frames - 1)
  if (needsOwnDecoder(info) || (info.format === 'png' && frame > 0)) {
    const image = await decodeFrame(bytes, info, frame, decodeStill)
    return isFailure(image) ? image : shrink(image, options.maxSidePixels)
  }
  if (info.format === 'gif' || info.format === 'webp')
    return decodePaged(bytes, info, frame, options.maxSidePixels)
  return take(openFile(bytes, info, {}), { ...options, enlarges: info.drawing !== undefined })
}

/**
 * Decodes one frame of an animation that Sharp supports, composed with the frames before it. Fails with
 * `undecodable`.
 */
export async function decodePaged(
  bytes: Uint8Array,
  info: ImageInfo,
  frame: number,
  maxSidePixels: number,
): Promise<RawImage | Failure> {
  return take(openFile(bytes, info, { page: frame }), { maxSidePixels })
}

/** Decodes one frame with the decoders other than Sharp, at full size. */
export async function decodeFrame(
  bytes: Uint8Array,
  info: ImageInfo,
  frame: number,
  decodeStill: DecodeStill,
): Promise<RawImage | Failure> {
  if (isUnsupportedBySharp(info)) return decodeStill(bytes, info)
  const apng = readApng(bytes)
  if (isFailure(apng)) return apng
  let index = 0
  for await (const shown of playApng(apng, info.orientation)) {
    if (isFailure(shown) || index === frame) return shown
    index += 1
  }
  return fail('undecodable', `no frame ${frame}`)
}

/** Scales an image down to fit `maxSidePixels`. Fails with `undecodable`. */
export async function shrink(image: RawImage, maxSidePixels: number): Promise<RawImage | Failure> {
  if (Math.max(image.width, image.height) <= maxSidePixels) return image
  return take(openRaw(image), { maxSidePixels })
}

async function take(
  pipeline: ReturnType<typeof sharp>,
  {
    maxSidePixels,
    enlarges = false,
  }: Pick<DecodeImageOptions, 'maxSidePixels'> & { readonly enlarges?: boolean },
): Promise<RawImage | Failure> {
  try {
    const { data, info } = await pipeline
      .resize(maxSidePixels, maxSidePixels, { fit: 'inside', withoutEnlargement: !enlarges })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height } = info
    if (info.channels === 3 || info.channels === 4) return { data, width, height, channels: info.channels }
    return fail('undecodable', `${info.channels} channels`)
  } catch (error) {
    return decodingFailure(error)
  }
}
