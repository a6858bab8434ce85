/** Tone maps HDR stills to sRGB, in the same way as the frames of videos. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { toneMapFilters } from '../container/filters.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { createConverter } from './convert.ts'
import { frameOfPixels } from './frame-of-pixels.ts'
import type { Libav } from './load.ts'
import type { DecodedStill } from './still.ts'

/**
 * Tone maps an image with the PQ or HLG transfer function and keeps its alpha. It processes some rows at a
 * time, because the intermediate data takes fifty bytes per pixel. Fails with `undecodable`.
 */
export function toneMapStill(libav: Libav, still: DecodedStill): RawImage | Failure {
  const { width, height, channels } = still
  const { constants } = libav
  const deep = still.bitsPerSample === 16
  const format = deep ? constants.AV_PIX_FMT_RGB48LE : constants.AV_PIX_FMT_RGB24
  const filters = [deep ? 'format=gbrp16le' : 'format=gbrp', ...toneMapFilters(still.colours, 'gbr')]
  using converter = createConverter(libav, { filtersFor: () => filters, pixels: 'rgb24' })
  const data = new Uint8Array(width * height * channels)
  for (let top = 0; top < height; top += ROWS_AT_A_TIME) {
    const band = { ...still, ...rowsOf(still, top) }
    using frame = frameOfPixels(libav, withoutAlpha(band), { width, height: band.height, format })
    // zscale cannot convert a frame with an unspecified colour property, whatever its options are.
    frame.colorSpace = constants.AVCOL_SPC_RGB
    frame.colorRange = constants.AVCOL_RANGE_JPEG
    frame.colorTrc =
      still.colours.transfer === 'hlg' ? constants.AVCOL_TRC_ARIB_STD_B67 : constants.AVCOL_TRC_SMPTE2084
    frame.colorPrimaries = constants.AVCOL_PRI_BT2020
    const mapped = converter.convert(frame)
    if (isFailure(mapped)) return mapped
    data.set(channels === 4 ? withAlpha(mapped, band) : mapped, top * width * channels)
  }
  return { data, width, height, channels }
}

const ROWS_AT_A_TIME = 256

function rowsOf(
  { data, width, height, channels, bitsPerSample }: DecodedStill,
  top: number,
): Pick<DecodedStill, 'data' | 'height'> {
  const rowBytes = width * channels * (bitsPerSample / 8)
  const bottom = Math.min(height, top + ROWS_AT_A_TIME)
  return { data: data.subarray(top * rowBytes, bottom * rowBytes), height: bottom - top }
}

function withoutAlpha({ data, channels, bitsPerSample }: DecodedStill): Buffer {
  if (channels === 3) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const [from, to] = bitsPerSample === 16 ? [8, 6] : [4, 3]
  const colours = Buffer.allocUnsafeSlow((data.length / from) * to)
  for (let pixel = 0; pixel < data.length / from; pixel += 1)
    colours.set(data.subarray(pixel * from, pixel * from + to), pixel * to)
  return colours
}

function withAlpha(rgb: Uint8Array, { data, bitsPerSample }: DecodedStill): Uint8Array {
  const pixelBytes = bitsPerSample === 16 ? 8 : 4
  const rgba = new Uint8Array((rgb.length / 3) * 4)
  for (let pixel = 0; pixel < rgb.length / 3; pixel += 1) {
    rgba.set(rgb.subarray(pixel * 3, pixel * 3 + 3), pixel * 4)
    rgba[pixel * 4 + 3] = data[(pixel + 1) * pixelBytes - 1] ?? 255
  }
  return rgba
}
