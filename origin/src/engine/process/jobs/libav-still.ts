/**
 * Selects the stills that libav renders alone, without Sharp, because it takes less time: small ones, such as
 * avatars and emojis, and photographs that are decoded at full size. Only those that are scaled, and become
 * WebP.
 */

import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { SourceImageFormat } from '../../../media/kinds.ts'
import { hasAmbiguousColours } from '../formats/jpeg/jpeg-colours.ts'
import { hasFewScans } from '../formats/jpeg/jpeg-scans.ts'
import { WEBP_EFFORT } from '../image/encode.ts'
import type { ImageFile } from '../image/image-file.ts'
import type { ImageInfo } from '../image/inspect.ts'
import type { SharedPixels } from '../image/pixel-cache.ts'
import type { Render } from '../image/render.ts'
import { FULL_READ_PIXELS } from '../image/shrink-on-load.ts'
import { frameOfPixels } from '../libav/frame-of-pixels.ts'
import type { Libav } from '../libav/load.ts'
import { isPixelFormat } from '../libav/pixels.ts'
import { decodeIntact, renderWebp, type StillFormat, type StillHeader } from '../libav/webp-still.ts'

/** Above these numbers of pixels, Sharp decodes and scales in less time than libav. */
const MAX_PIXELS: Readonly<Record<StillFormat, number>> = {
  png: 512 * 512,
  webp: 1024 * 1024,
  jpeg: FULL_READ_PIXELS,
}
/** The same when Sharp scales as far as the codec can. */
const MAX_FAST_PIXELS: Readonly<Record<StillFormat, number>> = {
  png: 512 * 512,
  webp: 512 * 512,
  jpeg: 2_000_000,
}

/** Whether libav renders a still, if it is available and the source is intact. */
export function suitsLibav(info: ImageInfo, render: Render): boolean {
  const { format, plan, quality } = render
  const { part, rotate, flip, pad, blur, sharpen, background, maxBytes } = render
  const others = [part, rotate, flip, pad, blur, sharpen, background, maxBytes]
  const isOnlyScaled = plan.mode === 'exact' && others.every((each) => each === undefined)
  return format === 'webp' && quality !== 'lossless' && isOnlyScaled && isPlain(info, render)
}

/** Whether its samples are its colours in sRGB, upright, at 8 bits, and few enough. */
function isPlain(info: ImageInfo, render: Render): boolean {
  const { format } = info
  return (
    isStillFormat(format) &&
    info.width * info.height <= (render.fast === true ? MAX_FAST_PIXELS : MAX_PIXELS)[format] &&
    info.frames === 1 &&
    info.orientation === 1 &&
    info.bytesPerSample === 1 &&
    info.plainColours &&
    info.hasProfile !== true &&
    info.ownDecoder === undefined &&
    info.hidesDefault !== true &&
    info.checksData !== true
  )
}

function isStillFormat(format: SourceImageFormat): format is StillFormat {
  return Object.hasOwn(MAX_PIXELS, format)
}

/**
 * Renders a still that suits libav. Undefined when its source is damaged, or libav would decode it in other
 * colours: Sharp then renders it.
 */
export async function renderByLibav(
  libav: Libav,
  { bytes, info, kept }: ImageFile,
  render: Render,
): Promise<Uint8Array | undefined> {
  const { plan, quality } = render
  const { format } = info
  if (quality === 'lossless' || !isStillFormat(format)) return undefined
  if (!isBounded(bytes, info) || (format === 'jpeg' && hasAmbiguousColours(bytes))) return undefined
  const decoded = await decode(libav, bytes, { ...info, format }, kept)
  if (decoded === undefined) return undefined
  using frame = decoded
  return renderWebp(libav, frame, { width: plan.width, height: plan.height, quality, effort: WEBP_EFFORT })
}

/** The bytes of the chunks of a PNG besides its samples. */
const PNG_OVERHEAD_BYTES = 16 * 1024

/**
 * Whether the time to decode a file is bounded by its pixels. libav reads all compressed data of a PNG, however
 * much follows its last row, and every scan of a JPEG.
 */
function isBounded(bytes: Uint8Array, { format, width, height }: ImageInfo): boolean {
  if (format === 'jpeg') return hasFewScans(bytes)
  return format !== 'png' || bytes.length <= height * (4 * width + 1) + PNG_OVERHEAD_BYTES
}

/** Decodes a still, or takes its kept samples. The caller frees the frame. */
async function decode(
  libav: Libav,
  bytes: Uint8Array,
  header: StillHeader,
  kept: SharedPixels | undefined,
): Promise<Frame | undefined> {
  const decodeNow = () => decodeIntact(libav, bytes, header)
  if (kept?.isNeeded !== true) return decodeNow()
  const samples = await kept.read('samples', async () => {
    using frame = decodeNow()
    if (frame === undefined || !isPixelFormat(frame.format, frame)) return fail('undecodable', 'not intact')
    const { width, height, format } = frame
    return { data: frame.toBuffer(), width, height, format }
  })
  return isFailure(samples) ? undefined : frameOfPixels(libav, samples.data, samples)
}
