/** What the stills of images and of videos have in common between their options and their pixels. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import { hasQuality } from '@media-proxy/shared/request/image-operations.ts'
import { type Failure, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SourceLimits } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import type { RenderJob } from '../../jobs.ts'
import type { RenderOptions } from '../../render-options.ts'
import { towardsFaces } from '../faces/towards-faces.ts'
import { cutPixels } from '../image/cut-pixels.ts'
import type { ImageInfo } from '../image/inspect.ts'
import { isRightAngle, type Layout, largestPlan, layoutOf, seeksFaces } from '../image/layout.ts'
import { swapped } from '../image/plan.ts'
import type { Render } from '../image/render.ts'
import { renderRaw } from '../image/render-image.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { Admission } from './admission.ts'

/** The parts of a render job that determine its output. */
export type RenderRequest = Pick<RenderJob, 'options' | 'renderQuality' | 'limits'>

/** A render request, and the cost that was admitted for it. */
export interface RenderTask extends RenderRequest {
  readonly admission: Admission
}

/** Returns the render for a layout. */
export function renderOf(
  { options, renderQuality }: RenderRequest,
  format: ImageFormat,
  layout: Layout,
): Render {
  const { quality, animated, blur, sharpen, background, maxBytes } = options
  return {
    ...layout,
    format,
    quality,
    animated,
    fast: renderQuality === 'fast',
    ...(blur === undefined ? {} : { blur }),
    ...(sharpen === undefined ? {} : { sharpen }),
    ...(background === undefined ? {} : { background }),
    ...(maxBytes !== undefined && hasQuality(format) ? { maxBytes } : {}),
  }
}

/**
 * Fails when a rendition exceeds the largest side, because padding may make it larger than any source may be.
 */
export function validateSize({ width, height }: Size, { sidePixels }: SourceLimits): Failure | undefined {
  return Math.max(width, height) > sidePixels
    ? failWithHint(
        'too-large-dimensions',
        `the rendition has ${width} x ${height} pixels, at most ${sidePixels} a side`,
      )
    : undefined
}

/** Returns the largest layout of an image whose borders are trimmed later. */
export function untrimmed(layout: Layout, { geometry }: RenderOptions, source: Size): Layout {
  const seen = layout.part ?? source
  const plan = largestPlan(geometry, isRightAngle(layout.rotate) ? swapped(seen) : seen)
  return { ...layout, plan: isRightAngle(layout.rotate) ? { ...plan, ...swapped(plan) } : plan }
}

/** Returns the options with another crop, or without one. */
export function withCrop({ crop: _, ...options }: RenderOptions, crop: RenderOptions['crop']): RenderOptions {
  return crop === undefined ? options : { ...options, crop }
}

/** Renders decoded pixels, after cropping and trimming them. */
export async function renderPixels(
  image: RawImage,
  job: RenderRequest,
  format: ImageFormat,
  source?: Pick<ImageInfo, 'lossless' | 'palette'>,
): Promise<Uint8Array | Failure> {
  const { options } = job
  const part = await cutPixels(image, options)
  if (isFailure(part)) return part
  const initial = layoutOf(withCrop(options, undefined), part)
  if (isFailure(initial)) return initial
  const layout = seeksFaces(initial) ? await towardsFaces(initial, part, part) : initial
  return isFailure(layout) ? layout : renderRaw(part, renderOf(job, format, layout), source)
}
