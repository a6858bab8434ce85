import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Sharp } from 'sharp'
import type { Size } from '../../../media/size.ts'
import { giveBack } from '../../../streams/give-back.ts'
import { wrapInTiff } from '../formats/tiff/tiff-wrap.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import { awaitingBackground, inItsColours } from './background.ts'
import { type DecodeStill, decodeFrame, needsOwnDecoder } from './decode.ts'
import type { ImageInfo } from './inspect.ts'
import { bytesToKeep, type KeptStill } from './kept-still.ts'
import { openFile } from './open-file.ts'
import { coarseSize, readFully } from './reading.ts'
import { renderAnimation } from './render-animation.ts'
import {
  arrange,
  filter,
  isArranged,
  isFiltered,
  isHeld,
  openRaw,
  pixelsOf,
  type Render,
  run,
  type SourceImageInfo,
  scale,
} from './render-stages.ts'

export { type Played, renderPlayed } from './render-animation.ts'
export type { Render } from './render-stages.ts'

/**
 * Renders an image: decode, turn upright, cut, scale, turn, pad, blur, convert to sRGB, encode without metadata. An animation
 * with a broken frame is rendered once more with those before it, one without several of them as a still. The pixels of a still are those that are kept, where they are.
 * Fails with `undecodable`.
 */
export async function renderImage(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  decodeStill: DecodeStill,
  kept?: KeptStill,
): Promise<Uint8Array | Failure> {
  // The frames of an AVIF are not Sharp's to decode: they come by `renderPlayed`.
  if (!keepsAnimation(info, render) || info.format === 'avif')
    return renderStill(bytes, info, render, decodeStill, kept)
  const animated = await renderAnimation(bytes, info, render)
  const broken = isFailure(animated) && animated.code === 'undecodable'
  return broken ? renderStill(bytes, info, render, decodeStill, kept) : animated
}

/**
 * Renders pixels that another decoder took from a source (a video, HEIC) by the same plan: scale, blur, encode.
 * `source` tells what its codec was. Fails with `undecodable`.
 */
export function renderRaw(
  picture: RawPicture,
  render: Render,
  source: Pick<ImageInfo, 'lossless' | 'palette'> = { lossless: false, palette: false },
): Promise<Uint8Array | Failure> {
  const { width, height, channels } = picture
  const { lossless, palette } = source
  return finish(openRaw(picture), { width, height, hasAlpha: channels === 4, palette, lossless }, render)
}

/** Everything behind the decoder of a still. `inside` is meant for its colours until it is bare pixels. */
async function finish(
  opened: Sharp,
  info: SourceImageInfo,
  render: Render,
  inside: Render = render,
): Promise<Uint8Array | Failure> {
  const scaled = scale(opened, info, inside)
  // What is mixed with a background is mixed in sRGB, as browsers do.
  if (!isHeld(render) && inside === render) return run(filter(scaled, render), info, render)
  const pixels = await pixelsOf(scaled)
  if (isFailure(pixels)) return pixels
  const arranged = isArranged(render) ? arrange(openRaw(pixels), render) : openRaw(pixels)
  if (render.pad === undefined || !isFiltered(render)) return run(filter(arranged, render), info, render)
  const padded = await pixelsOf(arranged)
  giveBack(pixels.data)
  return isFailure(padded) ? padded : run(filter(openRaw(padded), render), info, render)
}

/** Tells whether a file of this format can be an animation that is kept; a PNG is one as APNG. */
function holdsAnimation(format: ImageFormat): boolean {
  return ENCODED_ANIMATIONS.has(format)
}

const ENCODED_ANIMATIONS: ReadonlySet<ImageFormat> = new Set(['gif', 'webp', 'png', 'avif'])

/** Tells whether the rendition will have more than one frame. */
export function keepsAnimation(info: ImageInfo, render: Pick<Render, 'animated' | 'format'>): boolean {
  return render.animated && info.frames > 1 && holdsAnimation(render.format)
}

function openStill(bytes: Uint8Array, info: ImageInfo, render: Render): Sharp {
  return inItsColours(readFully(openFile(bytes, info, { pages: 1 }), info, render), info, render)
}

/** A still that its codec scales on the way. */
async function renderCoarse(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  coarse: Size,
): Promise<Uint8Array | Failure> {
  const pixels = await pixelsOf(
    openFile(bytes, info, { pages: 1 }).resize(coarse.width, coarse.height, { fit: 'fill' }),
  )
  if (isFailure(pixels)) return pixels
  const rendered = await finish(openRaw(pixels), { ...info, ...coarse }, render)
  giveBack(pixels.data)
  return rendered
}

async function renderStill(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  decodeStill: DecodeStill,
  kept?: KeptStill,
): Promise<Uint8Array | Failure> {
  if (needsOwnDecoder(info)) {
    const decode = () => decodeFrame(bytes, info, 0, decodeStill)
    const picture = await (kept?.read(decode) ?? decode())
    return isFailure(picture)
      ? picture
      : renderRaw(picture, render, { lossless: info.lossless, palette: false })
  }
  const coarse = coarseSize(info, render)
  if (coarse !== undefined) return renderCoarse(bytes, info, render, coarse)
  if (kept?.wanted !== true || bytesToKeep(info, render) === 0)
    return finish(openStill(bytes, info, render), info, render, awaitingBackground(render, info))
  // As a file: of bare pixels libvips scales other parts at a time, and rounds some of its sums otherwise. At one width of
  // sixty that is one level in one of a thousand samples.
  const file = await kept.read(async () => {
    const pixels = await pixelsOf(openStill(bytes, info, render))
    if (isFailure(pixels)) return pixels
    const data = wrapInTiff(pixels)
    giveBack(pixels.data)
    return { data }
  })
  return isFailure(file) ? file : finish(sharp(file.data, UNLIMITED_PIXELS), info, render)
}
