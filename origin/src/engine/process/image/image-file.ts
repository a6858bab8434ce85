import type { ImageInfo } from './inspect.ts'
import type { SharedPixels } from './pixel-cache.ts'

/** An image file in memory, and its header. */
export interface ImageFile {
  readonly bytes: Uint8Array
  readonly info: ImageInfo
  /** The pixels of the source that its jobs share. Undefined when this job decodes its own. */
  readonly kept?: SharedPixels | undefined
}
