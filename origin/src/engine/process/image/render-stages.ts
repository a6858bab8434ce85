/**
 * The stages that stills and animations share: open, crop, scale, arrange, filter, compose on a background,
 * encode.
 */

import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FitEnum, Sharp } from 'sharp'
import { isSmallerFiltered } from '../formats/png/png-filters.ts'
import { setTransparencyFlag } from '../formats/webp/webp-transparency.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { isGrainy, type SampledPixels } from '../pixels/grain.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import type { AnimationTiming } from '../pixels/strip.ts'
import { type EncodeOptions, encode } from './encode.ts'
import { fitBytes } from './fit-bytes.ts'
import type { ImageInfo } from './inspect.ts'
import { isRightAngle, sizeOf } from './layout.ts'
import { keepsSize, type Plan } from './plan.ts'
import type { Render } from './render.ts'
import { readingOptions } from './shrink-on-load.ts'

/** The properties of an opened source that rendering needs. */
export type SourceImageInfo = Pick<
  ImageInfo,
  'width' | 'height' | 'drawing' | 'hasAlpha' | 'palette' | 'lossless'
>

const WHITE = { r: 255, g: 255, b: 255, alpha: 1 }
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 }
type Colour = typeof WHITE
const FIT_OF_MODE: Readonly<Record<Plan['mode'], keyof FitEnum>> = {
  exact: 'fill',
  cover: 'cover',
  contain: 'contain',
}

/** Cuts out the used part of the source. */
export function cut(pipeline: Sharp, { part }: Pick<Render, 'part'>): Sharp {
  return part === undefined ? pipeline : pipeline.extract(part)
}

/** Scales the used part of the source by the plan. */
export function scale(
  pipeline: Sharp,
  info: Pick<SourceImageInfo, 'width' | 'height' | 'drawing'>,
  render: Render,
): Sharp {
  const { plan, part } = render
  // A drawing is rasterised at another size than its own, because its resolution is not that of its pixels.
  const isKept = plan.mode === 'exact' && keepsSize(plan, part ?? info) && info.drawing === undefined
  if (isKept) return cut(pipeline, render)
  return cut(pipeline, render).resize(plan.width, plan.height, {
    fit: FIT_OF_MODE[plan.mode],
    position: plan.gravity,
    background: paddingOf(render),
    ...readingOptions(info, render),
  })
}

/** Returns the colour of the padding around an image. */
function paddingOf({ background, format }: Render): Colour {
  if (background !== undefined) return colourOf(background)
  return format === 'jpeg' ? WHITE : TRANSPARENT
}

function colourOf(digits: string): Colour {
  const number = Number.parseInt(digits, 16)
  return { r: number >> 16, g: (number >> 8) & 255, b: number & 255, alpha: 1 }
}

/**
 * Whether a scaled image is changed in a way that Sharp would apply in another order, or not at all to an
 * animation.
 */
export function needsRotateFlipPad({ rotate, flip, pad }: Render): boolean {
  return [rotate, flip, pad].some((step) => step !== undefined)
}

/**
 * Whether a scaled still is converted to raw pixels before the next stage. Sharp takes alpha into account in
 * its filters only if the image has alpha from the start, and not if Sharp itself adds alpha to fill a box.
 */
export function isBuffered(render: Render): boolean {
  return needsRotateFlipPad(render) || (isFiltered(render) && render.plan.mode === 'contain')
}

/** Rotates, mirrors and pads a scaled still, which is raw pixels by then. */
export function rotateFlipPad(pipeline: Sharp, render: Render): Sharp {
  const { rotate, flip, pad } = render
  // Sharp mirrors before it rotates, so after a quarter turn the mirror axis is the other one.
  const isUpsideDown = flip !== undefined && (flip === 'v') !== isRightAngle(rotate)
  const isMirrored = flip !== undefined && !isUpsideDown
  const flipped = pipeline.flip(isUpsideDown).flop(isMirrored)
  const upright = rotate === undefined ? flipped : flipped.rotate(rotate)
  return pad === undefined ? upright : upright.extend({ ...pad, background: paddingOf(render) })
}

/** The sigma of sharpening, in pixels, per step of strength. */
const SHARPEN_SIGMA = 0.5

/** Whether a still is blurred or sharpened. */
export function isFiltered({ blur, sharpen }: Pick<Render, 'blur' | 'sharpen'>): boolean {
  return blur !== undefined || sharpen !== undefined
}

/** Blurs and sharpens a still. */
export function filter(pipeline: Sharp, { blur, sharpen }: Pick<Render, 'blur' | 'sharpen'>): Sharp {
  const blurred = blur === undefined ? pipeline : pipeline.blur(blur)
  return sharpen === undefined ? blurred : blurred.sharpen({ sigma: sharpen * SHARPEN_SIGMA })
}

/** Composes an image on its background, if it has one. */
export function flatten(
  pipeline: Sharp,
  { hasAlpha }: Pick<SourceImageInfo, 'hasAlpha'>,
  render: Render,
): Sharp {
  const isFlattened = render.background !== undefined || (render.format === 'jpeg' && hasAlpha)
  return isFlattened ? pipeline.flatten({ background: paddingOf(render) }) : pipeline
}

/** Runs a pipeline to raw pixels in 8-bit sRGB. An exception of Sharp is always about the source. */
export async function pixelsOf(pipeline: Sharp): Promise<RawImage | Failure> {
  try {
    const { data, info } = await pipeline
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    if (channels === 3 || channels === 4) return { data, width, height, channels }
    return fail('undecodable', `${channels} channels`)
  } catch (error) {
    return decodingFailure(error)
  }
}

/** The animation in a pipeline. */
export interface Animation {
  readonly frames: number
  /** The timing to encode. Undefined when the pipeline has that of the source. */
  readonly timing: AnimationTiming | undefined
  /** The height of one frame in pixels, when the frames are raw pixels. */
  readonly pageHeight?: number
}

/**
 * Encodes the output of a pipeline. An exception of Sharp is always about the source. `animation` is
 * undefined for a still.
 */
export async function run(
  pipeline: Sharp,
  info: SourceImageInfo,
  render: Render,
  animation?: Animation,
): Promise<Uint8Array | Failure> {
  const { format, quality, maxBytes } = render
  const { frames = 1, timing, pageHeight } = animation ?? {}
  const flattened = flatten(pipeline, info, render)
  const sourcePalette = info.palette && render.blur === undefined && render.sharpen === undefined
  const encodeAt = async ({ ready, texture }: MeasuredImage, level: Quality) => {
    const encoder = encode(ready, {
      format,
      quality: level,
      sourceLossless: info.lossless,
      sourcePalette,
      hasAlpha: info.hasAlpha,
      isFlattened: render.background !== undefined,
      ...texture,
      progressive: render.fast !== true,
      size: sizeOf(render),
      frames,
      timing,
    })
    const encoded = await encoder.toBuffer()
    return format === 'webp' ? setTransparencyFlag(encoded) : encoded
  }
  const measured = pageHeight === undefined && isTextureMeasured(render, info, sourcePalette)
  const unmeasured: Texture = { grainy: !sourcePalette, filtered: !sourcePalette }
  try {
    if (maxBytes === undefined)
      return await encodeAt(
        measured ? await measureTexture(flattened, format) : { ready: flattened, texture: unmeasured },
        quality,
      )
    const pixels = await pixelsOf(flattened)
    if (isFailure(pixels)) return pixels
    const { data, ...size } = pixels
    const raw = { ...size, ...(pageHeight === undefined ? {} : { pageHeight }) }
    const texture = measured ? textureOf(pixels, format) : unmeasured
    const open = () => ({ ready: sharp(data, { ...UNLIMITED_PIXELS, raw }), texture })
    return await fitBytes((level) => encodeAt(open(), level), quality, maxBytes)
  } catch (error) {
    return decodingFailure(error)
  }
}

/** What the pixels of an image tell about the best settings of the encoder. */
type Texture = Pick<EncodeOptions, 'grainy' | 'filtered'>

interface MeasuredImage {
  readonly ready: Sharp
  readonly texture: Texture
}

/**
 * Whether the pixels affect the encoder settings. A lossy source is usually a photograph. In a PNG even smooth
 * areas may need no filters.
 */
function isTextureMeasured({ format }: Render, { lossless }: SourceImageInfo, palette: boolean): boolean {
  return (format === 'png' && !palette) || (format === 'avif' && lossless)
}

/** Runs a pipeline and measures its pixels. */
async function measureTexture(pipeline: Sharp, format: Render['format']): Promise<MeasuredImage> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const ready = sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
  return { ready, texture: textureOf({ data, width, height, channels }, format) }
}

function textureOf(pixels: SampledPixels, format: Render['format']): Texture {
  return {
    grainy: format === 'avif' && isGrainy(pixels),
    filtered: format === 'png' && isSmallerFiltered(pixels),
  }
}
