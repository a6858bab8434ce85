/** The stages that stills and animations share: open, cut, scale, arrange, filter, lay, encode. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FitEnum, Sharp } from 'sharp'
import { tellTransparency } from '../formats/webp/webp-transparency.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import type { AnimationTiming } from '../pixels/strip.ts'
import { decodingFailure } from './decode.ts'
import { encode } from './encode.ts'
import { fitBytes } from './fit-bytes.ts'
import { isGrainy } from './grain.ts'
import type { ImageInfo } from './inspect.ts'
import { isRightAngle, type Layout, sizeOf } from './layout.ts'
import { keepsSize, type Plan } from './plan.ts'
import { readingOptions } from './reading.ts'

/** What a request wants, once the source is known: its geometry has become a plan, its format one that is written. */
export interface Render extends Layout {
  readonly format: ImageFormat
  readonly quality: Quality
  /** Keep all frames where the output format can hold them. */
  readonly animated: boolean
  /** Read a JPEG or a WebP as coarsely as its codec can. */
  readonly fast?: boolean
  /** Gaussian sigma in pixels of the rendition. */
  readonly blur?: number
  /** Strength, 1..10. */
  readonly sharpen?: number
  /** Six hexadecimal digits: what is transparent lies on it. */
  readonly background?: string
  /** Only of formats that have a quality to lower. */
  readonly maxBytes?: number
  /** Most frames a second of an animation that is kept. */
  readonly fps?: number
}

/** What rendering has to know of a source once it is opened. */
export type SourceImageInfo = Pick<
  ImageInfo,
  'width' | 'height' | 'drawing' | 'hasAlpha' | 'palette' | 'lossless'
>

/** Opens decoded pixels. */
export function openRaw({ data, width, height, channels }: RawPicture): Sharp {
  return sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
}

const WHITE = { r: 255, g: 255, b: 255, alpha: 1 }
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 }
type Colour = typeof WHITE
const FIT_OF_MODE: Readonly<Record<Plan['mode'], keyof FitEnum>> = {
  exact: 'fill',
  cover: 'cover',
  contain: 'contain',
}

/** Cuts out the part of the source that is used. */
export function cut(pipeline: Sharp, { part }: Pick<Render, 'part'>): Sharp {
  return part === undefined ? pipeline : pipeline.extract(part)
}

/** Adds the geometry of the plan, to the part of the source that is used. */
export function scale(
  pipeline: Sharp,
  info: Pick<SourceImageInfo, 'width' | 'height' | 'drawing'>,
  render: Render,
): Sharp {
  const { plan, part } = render
  // A drawing is drawn at another size than it has: its resolution is not that of its pixels.
  const isKept = plan.mode === 'exact' && keepsSize(plan, part ?? info) && info.drawing === undefined
  if (isKept) return cut(pipeline, render)
  return cut(pipeline, render).resize(plan.width, plan.height, {
    fit: FIT_OF_MODE[plan.mode],
    position: plan.gravity,
    background: paddingOf(render),
    ...readingOptions(info, render),
  })
}

/** The colour of what is added around a picture. */
function paddingOf({ background, format }: Render): Colour {
  if (background !== undefined) return colourOf(background)
  return format === 'jpeg' ? WHITE : TRANSPARENT
}

function colourOf(digits: string): Colour {
  const number = Number.parseInt(digits, 16)
  return { r: number >> 16, g: (number >> 8) & 255, b: number & 255, alpha: 1 }
}

/** What is done to a scaled picture that Sharp would do in another order, or not at all to an animation. */
export function isArranged({ rotate, flip, pad }: Render): boolean {
  return [rotate, flip, pad].some((step) => step !== undefined)
}

/**
 * Tells whether a scaled still becomes bare pixels before anything else is done to it. Sharp filters colours by their alpha
 * only where they have one from the start, and not from what it adds itself to fill a box.
 */
export function isHeld(render: Render): boolean {
  return isArranged(render) || (isFiltered(render) && render.plan.mode === 'contain')
}

/** Turns, mirrors and pads a scaled still, which is bare pixels by now. */
export function arrange(pipeline: Sharp, render: Render): Sharp {
  const { rotate, flip, pad } = render
  // Sharp mirrors first and turns then: across the other axis, where the turn lays it on its side.
  const isUpsideDown = flip !== undefined && (flip === 'v') !== isRightAngle(rotate)
  const isMirrored = flip !== undefined && !isUpsideDown
  const turned = pipeline.flip(isUpsideDown).flop(isMirrored)
  const upright = rotate === undefined ? turned : turned.rotate(rotate)
  return pad === undefined ? upright : upright.extend({ ...pad, background: paddingOf(render) })
}

/** Sigma of the sharpened detail, in pixels, for each step of strength. */
const SHARPEN_SIGMA = 0.5

/** Tells whether a still is blurred or sharpened. */
export function isFiltered({ blur, sharpen }: Pick<Render, 'blur' | 'sharpen'>): boolean {
  return blur !== undefined || sharpen !== undefined
}

/** Blurs and sharpens a still. */
export function filter(pipeline: Sharp, { blur, sharpen }: Pick<Render, 'blur' | 'sharpen'>): Sharp {
  const blurred = blur === undefined ? pipeline : pipeline.blur(blur)
  return sharpen === undefined ? blurred : blurred.sharpen({ sigma: sharpen * SHARPEN_SIGMA })
}

/** Lays a picture on its background, where it has one. */
export function lay(pipeline: Sharp, { hasAlpha }: Pick<SourceImageInfo, 'hasAlpha'>, render: Render): Sharp {
  const isLaid = render.background !== undefined || (render.format === 'jpeg' && hasAlpha)
  return isLaid ? pipeline.flatten({ background: paddingOf(render) }) : pipeline
}

/** Runs a pipeline to bare pixels, 8-bit sRGB; whatever Sharp throws is about the source. */
export async function pixelsOf(pipeline: Sharp): Promise<RawPicture | Failure> {
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

/** What of an animation its pixels do not tell. */
export interface Moving {
  readonly timing: AnimationTiming
  /** Of one frame, in pixels. */
  readonly pageHeight: number
}

/** Encodes and runs a pipeline; whatever Sharp throws is about the source. `moving`: of frames that are bare pixels. */
export async function run(
  pipeline: Sharp,
  info: SourceImageInfo,
  render: Render,
  moving?: Moving,
): Promise<Uint8Array | Failure> {
  const { format, quality, maxBytes } = render
  const laid = lay(pipeline, info, render)
  const sourcePalette = info.palette && render.blur === undefined && render.sharpen === undefined
  const encodeAt = async ({ ready, grainy }: Looked, level: Quality) => {
    const { width, height } = sizeOf(render)
    const encoder = encode(ready, {
      ...{ format, quality: level, sourceLossless: info.lossless, sourcePalette },
      ...{ hasAlpha: info.hasAlpha, isLaid: render.background !== undefined, grainy, pixels: width * height },
      ...(moving === undefined ? {} : { timing: moving.timing }),
    })
    const encoded = await encoder.toBuffer()
    return format === 'webp' ? tellTransparency(encoded) : encoded
  }
  const isLookedAt = moving === undefined && grainCounts(render, info, sourcePalette)
  try {
    if (maxBytes === undefined)
      return await encodeAt(
        isLookedAt ? await lookAtGrain(laid) : { ready: laid, grainy: !sourcePalette },
        quality,
      )
    const pixels = await pixelsOf(laid)
    if (isFailure(pixels)) return pixels
    const { data, ...size } = pixels
    const raw = { ...size, ...(moving === undefined ? {} : { pageHeight: moving.pageHeight }) }
    const grainy = isLookedAt ? isGrainy(pixels) : !sourcePalette
    const open = () => ({ ready: sharp(data, { ...UNLIMITED_PIXELS, raw }), grainy })
    return await fitBytes((level) => encodeAt(open(), level), quality, maxBytes)
  } catch (error) {
    return decodingFailure(error)
  }
}

/** A picture of which it is known whether it has grain. */
interface Looked {
  readonly ready: Sharp
  readonly grainy: boolean
}

/** What was lossy is a photograph mostly; in a PNG even its smooth parts do without filters. */
function grainCounts({ format }: Render, { lossless }: SourceImageInfo, palette: boolean): boolean {
  return (format === 'png' && !palette) || (format === 'avif' && lossless)
}

/** The finished pixels tell whether they have grain. */
async function lookAtGrain(pipeline: Sharp): Promise<Looked> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const ready = sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
  return { ready, grainy: isGrainy({ data, width, height, channels }) }
}
