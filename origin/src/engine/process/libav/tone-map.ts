/** Stills that are brighter than a screen, brought down to sRGB as frames of videos are. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { toneMapFilters } from '../container/filters.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import { createConverter } from './convert.ts'
import { frameOfPixels } from './frame-of-pixels.ts'
import type { Libav } from './load.ts'
import type { DecodedStill } from './still.ts'

/** Tone maps a picture with the transfer of PQ or HLG; its alpha stays. Fails with `undecodable`. */
export function toneMapStill(libav: Libav, still: DecodedStill): RawPicture | Failure {
  const { width, height, channels } = still
  const { constants } = libav
  const deep = still.bitsPerSample === 16
  const format = deep ? constants.AV_PIX_FMT_RGB48LE : constants.AV_PIX_FMT_RGB24
  const colours = channels === 4 ? withoutAlpha(still) : still.data
  const samples = Buffer.from(colours.buffer, colours.byteOffset, colours.byteLength)
  using picture = frameOfPixels(libav, samples, { width, height, format })
  // zscale finds no way from a picture that leaves anything open, whatever its options say.
  picture.colorSpace = constants.AVCOL_SPC_RGB
  picture.colorRange = constants.AVCOL_RANGE_JPEG
  picture.colorTrc =
    still.colours.transfer === 'hlg' ? constants.AVCOL_TRC_ARIB_STD_B67 : constants.AVCOL_TRC_SMPTE2084
  picture.colorPrimaries = constants.AVCOL_PRI_BT2020
  const filters = [deep ? 'format=gbrp16le' : 'format=gbrp', ...toneMapFilters(still.colours, 'gbr')]
  using converter = createConverter(libav, { filtersFor: () => filters, pixels: 'rgb24' })
  const mapped = converter.convert(picture)
  if (isFailure(mapped)) return mapped
  return { data: channels === 4 ? withAlpha(mapped, still) : mapped, width, height, channels }
}

function withoutAlpha({ data, bitsPerSample }: DecodedStill): Uint8Array {
  const [from, to] = bitsPerSample === 16 ? [8, 6] : [4, 3]
  const colours = new Uint8Array((data.length / from) * to)
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
