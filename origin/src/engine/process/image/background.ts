/** The background that is composed below an image or around it, in the colours of the rendition. */

import type { Sharp } from 'sharp'
import type { ImageInfo } from './inspect.ts'
import type { Render } from './render.ts'

/**
 * Converts a grey image to colour first, because Sharp would use only the lightness of a background colour.
 */
export function withColourBands(pipeline: Sharp, { bands }: ImageInfo, { background }: Render): Sharp {
  return background !== undefined && bands < COLOURS ? pipeline.pipelineColourspace('srgb') : pipeline
}

const COLOURS = 3

/**
 * Returns the render for the stages in which an image is in Display P3, which it is until the last one. Areas
 * for the background are left transparent there, and are filled once the image is in sRGB.
 */
export function deferBackground(render: Render, { deepProfile }: Pick<ImageInfo, 'deepProfile'>): Render {
  const { background, ...others } = render
  return deepProfile && background !== undefined ? { ...others, format: 'png' } : render
}
