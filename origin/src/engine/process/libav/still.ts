/** Decodes JPEG XL, which is one coded frame without a container that libav would read. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { Colours } from '../colours/colours.ts'
import { coloursOf } from '../colours/colours.ts'
import type { ProfiledImage } from '../image/to-srgb.ts'
import { codecNamed } from './codec-names.ts'
import { createConverter } from './convert.ts'
import { openDecoder } from './decoder.ts'
import type { Libav } from './load.ts'
import { DEEP, isGrey, pixelName, rgbFormat, TO_RGB } from './pixels.ts'

/**
 * A decoded image in the colours of its file. Its colour profile, if any, takes precedence over `colours`.
 */
export interface DecodedStill extends ProfiledImage {
  readonly colours: Colours
}

/** Decodes the first frame of a JPEG XL, upright. Fails with `undecodable`. */
export function decodeJxl(libav: Libav, bytes: Uint8Array, maxPixels: number): DecodedStill | Failure {
  const codec = codecNamed(libav, 'libjxl')
  if (codec === undefined) return fail('undecodable', 'no decoder of jxl')
  const opened = openDecoder(libav, { codec, maxPixels })
  if (isFailure(opened)) return opened
  using decoder = opened
  using packet = new libav.library.Packet()
  packet.alloc()
  packet.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  packet.pts = 0n
  let still: DecodedStill | Failure | undefined
  const onFrame = (frame: Frame) => {
    still ??= drawn(libav, frame)
  }
  decoder.decode(packet, onFrame)
  if (still === undefined) decoder.drain(onFrame)
  return still ?? fail('undecodable', 'jxl does not decode')
}

/** Matches FFmpeg's names of pixel formats with alpha. */
const TRANSPARENT = /^(?:rgba|bgra|argb|abgr|ya|yuva|gbrap)/

function drawn(libav: Libav, frame: Frame): DecodedStill | Failure {
  const { constants } = libav
  const { width, height } = frame
  const name = pixelName(libav, frame)
  const deep = DEEP.test(name)
  const transparent = TRANSPARENT.test(name)
  const pixels = rgbFormat({ deep, alpha: transparent })
  using converter = createConverter(libav, { filtersFor: () => [TO_RGB], pixels })
  const data = converter.convert(frame)
  if (isFailure(data)) return data
  const profile = frame.getSideData(constants.AV_FRAME_DATA_ICC_PROFILE)
  return {
    data,
    width,
    height,
    channels: transparent ? 4 : 3,
    bitsPerSample: deep ? 16 : 8,
    isGrey: isGrey(name),
    icc: profile === null ? undefined : Buffer.from(profile),
    colours: coloursOf(frame),
  }
}
