/** The size in which a video's frames are handed over, by the size at which they will be seen. */

import type { SourceLimits } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import { isHdr } from '../container/filters.ts'

/** Four bytes a pixel, as the limit on decoded bytes counts them. */
export function maxPixels(limits: SourceLimits): number {
  return Math.floor(limits.decodedBytes / 4)
}

/** From this ratio on the decoder scales, so that fewer pixels travel; to twice the size, so that it is not seen. */
const SHRINK_RATIO = 4
/** Tone mapping costs by the pixel: there it pays at once. */
const HDR_SHRINK_RATIO = 2
const HEADROOM = 2

/** The size in which a frame is handed over. */
export function frameSize(video: VideoInfo, shownAt: Size | undefined): Size {
  const { width, height } = video
  if (shownAt === undefined) return { width, height }
  const ratio = Math.min(width / shownAt.width, height / shownAt.height)
  if (ratio < (isHdr(video.colours) ? HDR_SHRINK_RATIO : SHRINK_RATIO)) return { width, height }
  const scale = HEADROOM / ratio
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
