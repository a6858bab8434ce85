/**
 * Selects the stills that libav renders alone, without Sharp, because it takes less time: small ones, such as
 * avatars and emojis, and photographs that are decoded at full size. Only those that are scaled, and become
 * WebP.
 */

import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { ImageFormat as SourceFormat } from '../../../media/kinds.ts'
import { hasAmbiguousColours } from '../formats/jpeg/jpeg-colours.ts'
import { WEBP_EFFORT } from '../image/encode.ts'
import type { ImageInfo } from '../image/inspect.ts'
import type { SharedPixels } from '../image/pixel-cache.ts'
import type { Render } from '../image/render.ts'
import { FULL_READ_PIXELS } from '../image/shrink-on-load.ts'
import { frameOfPixels } from '../libav/frame-of-pixels.ts'
import type { Libav } from '../libav/load.ts'
import { isPixelFormat } from '../libav/pixels.ts'
import { decodeIntact, renderWebp, type StillFormat } from '../libav/webp-still.ts'

const FORMATS: ReadonlySet<SourceFormat> = new Set<StillFormat>(['png', 'webp', 'jpeg'])

/** Above this size Sharp decodes and scales a PNG in less time than libav, and a WebP with its codec. */
const MAX_SMALL_PIXELS = 512 * 512
/** Above this size the JPEG codec of Sharp saves more time by halving than libav does by not converting. */
const MAX_FAST_JPEG_PIXELS = 2_000_000

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
  return (
    FORMATS.has(info.format) &&
    info.width * info.height <= maxPixels(info, render) &&
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

function maxPixels({ format }: ImageInfo, { fast }: Render): number {
  if (format !== 'jpeg') return MAX_SMALL_PIXELS
  return fast === true ? MAX_FAST_JPEG_PIXELS : FULL_READ_PIXELS
}

/**
 * Renders a still that suits libav. Undefined when its source is damaged, or libav would decode it in other
 * colours: Sharp then renders it.
 */
export async function renderByLibav(
  libav: Libav,
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  kept: SharedPixels | undefined,
): Promise<Uint8Array | undefined> {
  const { plan, quality } = render
  if (quality === 'lossless' || (info.format === 'jpeg' && hasAmbiguousColours(bytes))) return undefined
  const decoded = await decode(libav, bytes, info, kept)
  if (decoded === undefined) return undefined
  using frame = decoded
  return renderWebp(libav, frame, { width: plan.width, height: plan.height, quality, effort: WEBP_EFFORT })
}

/** Decodes a still, or takes its kept samples. The caller frees the frame. */
async function decode(
  libav: Libav,
  bytes: Uint8Array,
  info: ImageInfo,
  kept: SharedPixels | undefined,
): Promise<Frame | undefined> {
  const decodeNow = () => decodeIntact(libav, bytes, { ...info, format: info.format as StillFormat })
  if (kept?.isNeeded !== true) return decodeNow()
  const samples = await kept.read('samples', async () => {
    using frame = decodeNow()
    if (frame === undefined || !isPixelFormat(frame.format, frame)) return fail('undecodable', 'not intact')
    const { width, height, format } = frame
    return { data: frame.toBuffer(), width, height, format }
  })
  return isFailure(samples) ? undefined : frameOfPixels(libav, samples.data, samples)
}
