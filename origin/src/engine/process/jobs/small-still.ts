/**
 * Selects the small stills that libav renders alone, without Sharp: avatars, icons and emojis that are
 * scaled and become WebP.
 */

import type { ImageFormat as SourceFormat } from '../../../media/kinds.ts'
import { WEBP_EFFORT } from '../image/encode.ts'
import type { ImageInfo } from '../image/inspect.ts'
import type { Render } from '../image/render.ts'
import { renderWebpStill, type StillFormat } from '../libav/webp-still.ts'
import type { VideoTools } from '../video/video.ts'

/** Above this size Sharp decodes and scales a PNG in less time than libav. */
const MAX_PIXELS = 512 * 512

const FORMATS: ReadonlySet<SourceFormat> = new Set<StillFormat>(['png', 'webp', 'jpeg'])

/**
 * Renders a small still. Undefined when it is not one, when libav is not there, and when the source is
 * damaged: the image is then rendered like any other.
 */
export async function renderSmallStill(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  { libav: loadLibav }: Pick<VideoTools, 'libav'>,
): Promise<Uint8Array | undefined> {
  const { format, width, height } = info
  const { quality, plan } = render
  if (quality === 'lossless' || !isStillFormat(format) || !isPlain(info) || !isOnlyScaled(render))
    return undefined
  const libav = await loadLibav()
  if (libav === undefined) return undefined
  return renderWebpStill(libav, bytes, {
    format,
    source: { width, height },
    size: { width: plan.width, height: plan.height },
    quality,
    effort: WEBP_EFFORT,
  })
}

function isStillFormat(format: SourceFormat): format is StillFormat {
  return FORMATS.has(format)
}

/** Whether its samples are its colours in sRGB, upright, at 8 bits. */
function isPlain(info: ImageInfo): boolean {
  return (
    info.width * info.height <= MAX_PIXELS &&
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

/** Whether the rendition is the whole image as WebP, at any size. */
function isOnlyScaled({ format, plan, ...operations }: Render): boolean {
  const { part, rotate, flip, pad, blur, sharpen, background, maxBytes } = operations
  const others = [part, rotate, flip, pad, blur, sharpen, background, maxBytes]
  return format === 'webp' && plan.mode === 'exact' && others.every((each) => each === undefined)
}
