/**
 * Which pixels of the source become which of the rendition: a part is cut out, scaled by a plan, turned and padded. Pure
 * arithmetic. The plan is that of the picture before it is turned, since the smaller picture is the cheaper one to turn.
 */

import type { Crop, Flip, Pad, Rotation } from '@media-proxy/shared/request/image-operations.ts'
import type { Gravity } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { RenderOptions } from '../../render-options.ts'
import { drawnSize, type Plan, type PlanSource, planOf, swapped } from './plan.ts'

/** In pixels of the upright source. */
export interface Part extends Size {
  readonly left: number
  readonly top: number
}

/** What is done to every pixel of a scaled picture but its colour: turned clockwise, then mirrored, then padded. */
export interface Arrangement {
  readonly rotate?: Rotation
  readonly flip?: Flip
  readonly pad?: Pad
}

export interface Layout extends Arrangement {
  /** The whole source, where it is missing. */
  readonly part?: Part
  readonly plan: Plan
}

/** Lays out what is asked of a source of this size. Fails with `bad-request` where nothing is left by the cut. */
export function layoutOf(
  { geometry, crop, rotate, flip, pad }: Pick<RenderOptions, 'geometry' | 'crop'> & Arrangement,
  source: PlanSource,
): Layout | Failure {
  const part = crop && partOf(crop, source)
  if (isFailure(part)) return part
  const seen = part ?? source
  const plan = planOf(geometry, isRightAngle(rotate) ? sidewaysOf(seen) : seen)
  return {
    ...(part === undefined || isAllOf(part, source) ? {} : { part }),
    plan: beforeTurn(plan, rotate, flip),
    ...(rotate === undefined ? {} : { rotate }),
    ...(flip === undefined ? {} : { flip }),
    ...(pad === undefined ? {} : { pad }),
  }
}

/** The size of the rendition. */
export function sizeOf({ plan, rotate, pad }: Pick<Layout, 'plan' | 'rotate' | 'pad'>): Size {
  const { width, height } = isRightAngle(rotate) ? swapped(plan) : plan
  const { top = 0, right = 0, bottom = 0, left = 0 } = pad ?? {}
  return { width: width + left + right, height: height + top + bottom }
}

/** Tells whether the cut goes by faces, which are to be found first. */
export function seeksFaces({ plan }: Pick<Layout, 'plan'>): boolean {
  return plan.gravity === 'face'
}

/** Tells whether a layout leaves every pixel of a source where it is. */
export function keepsPixels({ part, plan, rotate, flip, pad }: Layout, source: Size): boolean {
  return (
    [part, rotate, flip, pad].every((step) => step === undefined) &&
    plan.width === source.width &&
    plan.height === source.height
  )
}

/** The part that a crop names, within a picture. Fails with `bad-request` where it lies outside. */
export function partOf(crop: Crop, { width, height }: Size): Part | Failure {
  const isPixels = crop.unit === 'pixel'
  const [across, down] = isPixels ? [1, 1] : [width / TEN_THOUSAND, height / TEN_THOUSAND]
  // A share of a small picture is a pixel at least.
  const left = Math.min(Math.round(crop.x * across), isPixels ? crop.x : width - 1)
  const top = Math.min(Math.round(crop.y * down), isPixels ? crop.y : height - 1)
  const right = Math.min(width, Math.max(left + 1, Math.round((crop.x + crop.width) * across)))
  const bottom = Math.min(height, Math.max(top + 1, Math.round((crop.y + crop.height) * down)))
  return left < right && top < bottom
    ? { left, top, width: right - left, height: bottom - top }
    : fail('bad-request', 'the crop lies outside of the picture')
}

const TEN_THOUSAND = 10_000

/** A drawing as a picture, so large that the wanted part of it is no enlargement, with the crop that is meant then. */
export interface DrawnWhole extends Size {
  readonly crop: Crop | undefined
}

/** Fails with `bad-request` where the crop lies outside of the drawing. */
export function drawnWhole(
  drawing: Size,
  { geometry, crop, rotate }: Pick<RenderOptions, 'geometry' | 'crop'> & Pick<Arrangement, 'rotate'>,
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

/** The largest plan that a geometry can make of some part of a source: what is cut off is not known yet. */
export function largestPlan(geometry: RenderOptions['geometry'], source: Size): Plan {
  const wanted =
    geometry.kind === 'transformation'
      ? geometry
      : { width: geometry.size, height: geometry.route === 'stickers' ? geometry.size : undefined }
  return {
    width: Math.min(source.width, wanted.width ?? source.width),
    height: Math.min(source.height, wanted.height ?? source.height),
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

/** The plan of the picture that, once turned, is what a plan says. */
function beforeTurn(plan: Plan, rotate: Rotation | undefined, flip: Flip | undefined): Plan {
  const size = isRightAngle(rotate) ? swapped(plan) : {}
  return { ...plan, ...size, gravity: gravityBefore(plan.gravity, rotate ?? 0, flip) }
}

/** Clockwise, a quarter each. */
const SIDES: readonly Gravity[] = ['north', 'east', 'south', 'west']

/** The side that, turned and then mirrored, is the one that is meant; a point of interest stays one. */
function gravityBefore(gravity: Gravity, degrees: number, flip: Flip | undefined): Gravity {
  const side = SIDES.indexOf(gravity)
  if (side === -1) return gravity
  const isAcross = side % 2 === 1
  const turned = flip === (isAcross ? 'h' : 'v') ? side + 2 : side
  return SIDES[(turned - degrees / 90 + 4) % 4] ?? gravity
}
