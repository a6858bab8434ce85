/** FFmpeg's names of pixels. */

import type { AVPixelFormat } from 'node-av/constants'
import type { Frame } from 'node-av/lib'
import type { Libav } from './load.ts'

/** FFmpeg's name of the pixels of a picture, as `yuv420p10le`; empty where it has none. */
export function pixelName({ library }: Libav, picture: Frame): string {
  const { format } = picture
  return isPixelFormat(format, picture) ? (library.avGetPixFmtName(format) ?? '') : ''
}

/** One field of a frame says what samples it has, of sound or of pixels. */
export function isPixelFormat(_format: Frame['format'], picture: Frame): _format is AVPixelFormat {
  return picture.isVideo()
}

/** FFmpeg's names of pixels with more than 8 bits a sample. */
export const DEEP = /(?:9|10|12|14|16|48|64|f16|f32)(?:le|be)?$/

/** Tells whether pixels of this name have no colours; they may have alpha. */
export function isGrey(name: string): boolean {
  return name.startsWith('gray') || name.startsWith('ya')
}
