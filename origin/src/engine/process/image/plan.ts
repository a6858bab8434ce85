/**
 * Computes the geometry of a rendition from the source's size after EXIF orientation. A rendition is never
 * larger than its source (contract, section 3). A derived side is max(1, round(x)).
 */

import type { AssetRoute, Fit, Gravity } from '@media-proxy/shared/request/media-request.ts'
import type { Size } from '../../../media/size.ts'
import type { Geometry } from '../../render-options.ts'

/** How the source is scaled to the rendition. `width` and `height` are those of the rendition. */
export interface Plan extends Size {
  /** `exact` scales to the exact size, `cover` crops the excess, `contain` pads the missing area. */
  readonly mode: 'exact' | 'cover' | 'contain'
  readonly gravity: Gravity
}

/** Returns the plan of a geometry for a source of this size. */
export function planOf(geometry: Geometry, { width, height, drawing }: PlanSource): Plan {
  const source = drawing === undefined ? { width, height } : drawnSize(drawing, geometry)
  return geometry.kind === 'asset'
    ? planAsset(geometry.route, source, geometry.size)
    : planTransformation(source, geometry)
}

export interface PlanSource extends Size {
  /** The size of a drawing, which has no pixels and is rasterised at the wanted size. */
  readonly drawing?: Size
}

/** Returns the size at which a drawing is rasterised so that the wanted size is no enlargement. */
export function drawnSize(drawing: Size, geometry: Geometry): Size {
  const requested =
    geometry.kind === 'transformation'
      ? geometry
      : { width: geometry.size, height: geometry.route === 'stickers' ? geometry.size : undefined }
  const scale = Math.max(1, (requested.width ?? 0) / drawing.width, (requested.height ?? 0) / drawing.height)
  return { width: drawing.width * scale, height: drawing.height * scale }
}

/** Returns the plan of an asset. `size` bounds the width; a sticker is padded to a square. */
function planAsset(route: AssetRoute, source: Size, size: number): Plan {
  return route === 'stickers'
    ? planBox(source, { width: size, height: size }, 'contain', 'centre')
    : exact(scaleToWidth(source, size))
}

export interface RequestedSize {
  readonly width?: number
  readonly height?: number
  readonly fit: Fit
  readonly gravity: Gravity
}

/** Returns the plan of an attachment or of external media. */
export function planTransformation(source: Size, { width, height, fit, gravity }: RequestedSize): Plan {
  if (width !== undefined && height !== undefined) return planBox(source, { width, height }, fit, gravity)
  if (width !== undefined) return exact(scaleToWidth(source, width))
  if (height !== undefined) return exact(swapped(scaleToWidth(swapped(source), height)))
  return exact(wholePixels(source))
}

/** Whether a plan leaves every pixel in place. */
export function keepsSize(plan: Plan, source: Size): boolean {
  return plan.width === source.width && plan.height === source.height
}

function planBox(source: Size, requested: Size, fit: Fit, gravity: Gravity): Plan {
  const box = {
    width: side(Math.min(requested.width, source.width)),
    height: side(Math.min(requested.height, source.height)),
  }
  const inside = scaleInside(source, box)
  // There is nothing to crop or pad when the aspect ratios agree.
  if (fit === 'inside' || (inside.width === box.width && inside.height === box.height)) return exact(inside)
  return { ...box, mode: fit, gravity }
}

function exact(size: Size): Plan {
  return { width: size.width, height: size.height, mode: 'exact', gravity: 'centre' }
}

function scaleToWidth(source: Size, width: number): Size {
  return width >= source.width
    ? wholePixels(source)
    : { width, height: side(source.height * (width / source.width)) }
}

function scaleInside(source: Size, box: Size): Size {
  const scale = Math.min(box.width / source.width, box.height / source.height)
  return { width: side(source.width * scale), height: side(source.height * scale) }
}

function wholePixels({ width, height }: Size): Size {
  return { width: side(width), height: side(height) }
}

function side(pixels: number): number {
  return Math.max(1, Math.round(pixels))
}

/**
 * Returns the size scaled down to sides of at most `maxSidePixels` and at least one pixel. The sides are not
 * rounded.
 */
export function sizeWithin({ width, height }: Size, maxSidePixels: number): Size {
  const scale = Math.min(1, maxSidePixels / Math.max(width, height))
  return { width: Math.max(1, width * scale), height: Math.max(1, height * scale) }
}

/** Returns the size of an image that is rotated by a right angle. */
export function swapped({ width, height }: Size): Size {
  return { width: height, height: width }
}
