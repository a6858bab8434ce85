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

/** Returns whether a pixel format is grey. It may have alpha. */
export function isGrey(name: string): boolean {
  return name.startsWith('gray') || name.startsWith('ya')
}
