/** Chooses the size of decoded frames by the size at which they will be shown. */

import type { SourceLimits } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import { isHdr } from '../container/filters.ts'

/** Returns the largest number of pixels of a frame. The limit on decoded bytes counts four bytes per pixel. */
export function maxPixels(limits: SourceLimits): number {
  return Math.floor(limits.decodedBytes / 4)
}

/**
 * From this ratio on the decoder scales down, so that fewer pixels are transferred. It scales to twice the
 * shown size, so that this is not visible.
 */
const SHRINK_RATIO = 4
/** The cost of tone mapping is per pixel, so it scales down earlier. */
const HDR_SHRINK_RATIO = 2
const HEADROOM = 2

/** Returns the size in which a frame is decoded. */
export function frameSize(video: VideoInfo, shownAt: Size | undefined): Size {
  const { width, height } = video
  if (shownAt === undefined) return { width, height }
  const ratio = Math.min(width / shownAt.width, height / shownAt.height)
  if (ratio < (isHdr(video.colours) ? HDR_SHRINK_RATIO : SHRINK_RATIO)) return { width, height }
  const scale = HEADROOM / ratio
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
