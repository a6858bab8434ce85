/** The cost of a job, from what its process knows of the source. */

import { type CostRender, predictRender, predictStill } from '../cost.ts'
import type { Cost } from '../jobs.ts'
import type { ImageInfo } from './image/inspect.ts'
import type { Size } from './image/plan.ts'
import type { Render } from './image/render-image.ts'

/** What of a source is known when its header is. */
export interface SeenBytes {
  /** All of it, or its start. */
  readonly bytes: Uint8Array
  readonly sizeBytes: number
}

/** The cost of rendering a picture; `frames` of it are decoded and encoded. */
export function costOfPicture(info: ImageInfo, render: Render, frames: number, seen: SeenBytes): Cost {
  const source = {
    ...info,
    // A drawing is drawn as large as it is wanted, smaller or larger than it is.
    ...(info.drawing && { width: render.plan.width, height: render.plan.height }),
    frames,
    turned: info.orientation > 1,
    filtered: info.format === 'svg' && hasFilters(seen.bytes),
    sourceBytes: seen.sizeBytes,
  }
  return predictRender(source, { ...costRender(render), frames })
}

/** Tells whether a drawing has filters, where it does not hide them: then the limits of its process hold. */
function hasFilters(svg: Uint8Array): boolean {
  return Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength).includes('<filter')
}

function costRender({ plan, format, quality, blur = 0 }: Render): CostRender {
  const { width, height } = plan
  return { format, width, height, frames: 1, quality, blur }
}

/** The cost of a still of a video, and of small frames that are looked at beside it. */
export function costOfStill(video: Size, render: Render, samples = 0): Cost {
  return predictStill(video, costRender(render), samples)
}

/** The cost of a picture, or of some of its frames, as small as a scan or a placeholder needs it. */
export function costOfThumbnails(info: ImageInfo, seen: SeenBytes): Cost {
  const plan = { width: 448, height: 448, mode: 'exact', gravity: 'centre' } as const
  return costOfPicture(info, { plan, format: 'jpeg', quality: 80, animated: false }, 1, seen)
}
