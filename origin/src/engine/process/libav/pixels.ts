/** FFmpeg's names of pixel formats. */

import type { AVPixelFormat } from 'node-av/constants'
import type { Frame } from 'node-av/lib'
import type { Libav } from './load.ts'

/** Returns FFmpeg's name of a frame's pixel format, such as `yuv420p10le`. Empty when it has none. */
export function pixelName({ library }: Libav, frame: Frame): string {
  const { format } = frame
  return isPixelFormat(format, frame) ? (library.avGetPixFmtName(format) ?? '') : ''
}

/**
 * Narrows the type of a frame's format: the same field holds the sample format of audio or the pixel format
 * of video.
 */
export function isPixelFormat(_format: Frame['format'], frame: Frame): _format is AVPixelFormat {
  return frame.isVideo()
}

/** Matches FFmpeg's names of pixel formats with more than 8 bits per sample. */
export const DEEP = /(?:9|10|12|14|16|48|64|f16|f32)(?:le|be)?$/

/** Whether a pixel format is grey. It may have alpha. */
export function isGrey(name: string): boolean {
  return name.startsWith('gray') || name.startsWith('ya')
}

/** Returns FFmpeg's name of the interleaved RGB format with 8 or 16 bits per sample, with or without alpha. */
export function rgbFormat({ deep, alpha }: { readonly deep: boolean; readonly alpha: boolean }) {
  if (alpha) return deep ? 'rgba64le' : 'rgba'
  return deep ? 'rgb48le' : 'rgb24'
}

/** Converts to RGB and keeps the size. */
export const TO_RGB = 'scale=flags=bicubic+full_chroma_int+accurate_rnd'

/** The value of 16 bits for 1 of 8 bits: 0xff becomes 0xffff. */
const DEEP_UNIT = 0x101

/** Sets the alpha of RGBA pixels from a mask of 8 bits. Returns false when the mask has another size. */
export function setAlpha(rgba: Buffer, mask: Buffer, bytesPerSample: 1 | 2): boolean {
  if (mask.length * 4 * bytesPerSample !== rgba.length) return false
  const samples = bytesPerSample === 1 ? rgba : new Uint16Array(rgba.buffer, rgba.byteOffset, rgba.length / 2)
  const unit = bytesPerSample === 1 ? 1 : DEEP_UNIT
  for (let pixel = 0; pixel < mask.length; pixel += 1) samples[4 * pixel + 3] = (mask[pixel] ?? 0) * unit
  return true
}
