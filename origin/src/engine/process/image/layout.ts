/**
 * Computes which pixels of the source become which pixels of the rendition: a part is cut out, scaled by a
 * plan, rotated and padded. Contains only arithmetic. The plan is that of the image before it is rotated,
 * because the smaller image is cheaper to rotate.
 */

import type { Crop, Flip, Pad, Rotation } from '@media-proxy/shared/request/image-operations.ts'
import type { Gravity } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { RenderOptions } from '../../render-options.ts'
import { drawnSize, type Plan, type PlanSource, planOf, swapped } from './plan.ts'

/** An area in pixels of the source in display orientation. */
export interface Part extends Size {
  readonly left: number
  readonly top: number
}

/** The changes to a scaled image other than to its colours: rotated clockwise, then mirrored, then padded. */
export interface RotateFlipPad {
  readonly rotate?: Rotation
  readonly flip?: Flip
  readonly pad?: Pad
}

export interface Layout extends RotateFlipPad {
  /** The whole source when absent. */
  readonly part?: Part
  readonly plan: Plan
}

/**
 * Returns the layout of the requested operations for a source of this size. Fails with `bad-request` when the
 * crop leaves nothing.
 */
export function layoutOf(
  { geometry, crop, rotate, flip, pad }: Pick<RenderOptions, 'geometry' | 'crop'> & RotateFlipPad,
  source: PlanSource,
): Layout | Failure {
  const part = crop && partOf(crop, source)
  if (isFailure(part)) return part
  const seen = part ?? source
  const plan = planOf(geometry, isRightAngle(rotate) ? sidewaysOf(seen) : seen)
  return {
    ...(part === undefined || isAllOf(part, source) ? {} : { part }),
    plan: planBeforeRotation(plan, rotate, flip),
    ...(rotate === undefined ? {} : { rotate }),
    ...(flip === undefined ? {} : { flip }),
    ...(pad === undefined ? {} : { pad }),
  }
}

/** Returns the size of the rendition. */
export function sizeOf({ plan, rotate, pad }: Pick<Layout, 'plan' | 'rotate' | 'pad'>): Size {
  const { width, height } = isRightAngle(rotate) ? swapped(plan) : plan
  const { top = 0, right = 0, bottom = 0, left = 0 } = pad ?? {}
  return { width: width + left + right, height: height + top + bottom }
}

/** Whether the crop is towards faces, which have to be found first. */
export function seeksFaces({ plan }: Pick<Layout, 'plan'>): boolean {
  return plan.gravity === 'face'
}

/** Whether a layout leaves every pixel of a source in place. */
export function keepsPixels({ part, plan, rotate, flip, pad }: Layout, source: Size): boolean {
  return (
    [part, rotate, flip, pad].every((step) => step === undefined) &&
    plan.width === source.width &&
    plan.height === source.height
  )
}

/** Returns the area of a crop within an image. Fails with `bad-request` when it lies outside. */
export function partOf(crop: Crop, { width, height }: Size): Part | Failure {
  const isPixels = crop.unit === 'pixel'
  const [across, down] = isPixels ? [1, 1] : [width / TEN_THOUSAND, height / TEN_THOUSAND]
  // A fraction of a small image is at least one pixel.
  const left = Math.min(Math.round(crop.x * across), isPixels ? crop.x : width - 1)
  const top = Math.min(Math.round(crop.y * down), isPixels ? crop.y : height - 1)
  const right = Math.min(width, Math.max(left + 1, Math.round((crop.x + crop.width) * across)))
  const bottom = Math.min(height, Math.max(top + 1, Math.round((crop.y + crop.height) * down)))
  return left < right && top < bottom
    ? { left, top, width: right - left, height: bottom - top }
    : fail('bad-request', 'the crop lies outside the image')
}

const TEN_THOUSAND = 10_000

/**
 * The size at which to rasterise a drawing so that the wanted part is not enlarged, and the crop in pixels of
 * that size.
 */
export interface DrawnWhole extends Size {
  readonly crop: Crop | undefined
}

/** Returns the size and the crop. Fails with `bad-request` when the crop lies outside of the drawing. */
export function drawnWhole(
  drawing: Size,
  { geometry, crop, rotate }: Pick<RenderOptions, 'geometry' | 'crop'> & Pick<RotateFlipPad, 'rotate'>,
): DrawnWhole | Failure {
  const part = crop === undefined ? drawing : partOf(crop, drawing)
  if (isFailure(part)) return part
  const seen = isRightAngle(rotate) ? swapped(part) : part
  const scale = drawnSize(seen, geometry).width / seen.width
  const isPixels = crop?.unit === 'pixel'
  return {
    width: Math.max(1, Math.round(drawing.width * scale)),
    height: Math.max(1, Math.round(drawing.height * scale)),
    crop: isPixels ? scaledCrop(crop, scale) : crop,
  }
}

function scaledCrop({ x, y, width, height }: Crop, scale: number): Crop {
  const [left, top] = [Math.round(x * scale), Math.round(y * scale)]
  return {
    unit: 'pixel',
    x: left,
    y: top,
    width: Math.max(1, Math.round((x + width) * scale) - left),
    height: Math.max(1, Math.round((y + height) * scale) - top),
  }
}

/**
 * Returns the largest plan that a geometry can have for any part of a source, before it is known how much is
 * trimmed.
 */
export function largestPlan(geometry: RenderOptions['geometry'], source: Size): Plan {
  const requested =
    geometry.kind === 'transformation'
      ? geometry
      : { width: geometry.size, height: geometry.route === 'stickers' ? geometry.size : undefined }
  return {
    width: Math.min(source.width, requested.width ?? source.width),
    height: Math.min(source.height, requested.height ?? source.height),
    mode: 'exact',
    gravity: 'centre',
  }
}

function isAllOf(part: Part, { width, height }: Size): boolean {
  return part.width === width && part.height === height
}

export function isRightAngle(rotate: Rotation | undefined): boolean {
  return rotate === 90 || rotate === 270
}

function sidewaysOf({ drawing, ...size }: PlanSource): PlanSource {
  return { ...swapped(size), ...(drawing && { drawing: swapped(drawing) }) }
}

/** Returns the plan of the image before it is rotated, given the plan after that. */
function planBeforeRotation(plan: Plan, rotate: Rotation | undefined, flip: Flip | undefined): Plan {
  const size = isRightAngle(rotate) ? swapped(plan) : {}
  return { ...plan, ...size, gravity: gravityBefore(plan.gravity, rotate ?? 0, flip) }
}

/** The sides in clockwise order, a quarter turn each. */
const SIDES: readonly Gravity[] = ['north', 'east', 'south', 'west']

/**
 * Returns the side that becomes the wanted side once the image is rotated and mirrored. A gravity that is not
 * a side is returned unchanged.
 */
function gravityBefore(gravity: Gravity, degrees: number, flip: Flip | undefined): Gravity {
  const side = SIDES.indexOf(gravity)
  if (side === -1) return gravity
  const isAcross = side % 2 === 1
  const mirrored = flip === (isAcross ? 'h' : 'v') ? side + 2 : side
  return SIDES[(mirrored - degrees / 90 + 4) % 4] ?? gravity
}
