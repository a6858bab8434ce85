/** What is laid under a picture, or around it, in the colours of the rendition. */

import type { Sharp } from 'sharp'
import type { ImageInfo } from './inspect.ts'
import type { Render } from './render-stages.ts'

/** Has a grey picture become one of colours first: of a background, Sharp would take the lightness alone. */
export function inItsColours(pipeline: Sharp, { bands }: ImageInfo, { background }: Render): Sharp {
  return background !== undefined && bands < COLOURS ? pipeline.pipelineColourspace('srgb') : pipeline
}

const COLOURS = 3

/**
 * The same render for as long as a picture is in Display P3, which it is until its end: what its background fills is left
 * transparent, and filled in sRGB.
 */
export function awaitingBackground(render: Render, { deepProfile }: Pick<ImageInfo, 'deepProfile'>): Render {
  const { background, ...others } = render
  return deepProfile && background !== undefined ? { ...others, format: 'png' } : render
}
