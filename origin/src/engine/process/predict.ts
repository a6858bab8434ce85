/** The cost of a job, from what its process knows of the source. */

import { predictRender, predictStill } from '../cost.ts'
import type { Cost } from '../jobs.ts'
import type { ImageFacts } from './image/inspect.ts'
import type { Size } from './image/plan.ts'
import type { Render } from './image/render-image.ts'

/** The cost of rendering a picture; `frames` of it are decoded and encoded. */
export function costOfPicture(facts: ImageFacts, render: Render, frames: number, sourceBytes: number): Cost {
  const { plan, format, quality, blur } = render
  return predictRender(
    {
      ...facts,
      frames,
      interlaced: facts.interlaced,
      turned: facts.orientation > 1,
      sourceBytes,
    },
    {
      format,
      width: plan.width,
      height: plan.height,
      frames,
      lossless: quality === 'lossless',
      blur: blur !== undefined,
    },
  )
}

/** The cost of a still of a video. */
export function costOfStill(video: Size, { plan, format, quality, blur }: Render): Cost {
  return predictStill(video, {
    format,
    width: plan.width,
    height: plan.height,
    frames: 1,
    lossless: quality === 'lossless',
    blur: blur !== undefined,
  })
}

/** The cost of a picture, or of some of its frames, as small as a scan or a placeholder needs it. */
export function costOfThumbnails(facts: ImageFacts, sourceBytes: number): Cost {
  const plan = { width: 448, height: 448, mode: 'exact', gravity: 'centre' } as const
  return costOfPicture(facts, { plan, format: 'jpeg', quality: 80, animated: false }, 1, sourceBytes)
}
