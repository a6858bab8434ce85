import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Sharp } from 'sharp'
import { isHeif } from '../../../media/kinds.ts'
import type { Size } from '../../../media/size.ts'
import { freeBuffer } from '../../../streams/free-buffer.ts'
import { wrapInTiff } from '../formats/tiff/tiff-wrap.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import { deferBackground, withColourBands } from './background.ts'
import { type DecodeStill, decodeFrame, needsOwnDecoder } from './decode.ts'
import type { ImageFile } from './image-file.ts'
import type { ImageInfo } from './inspect.ts'
import { openFile } from './open-file.ts'
import { bytesToKeep } from './pixel-cache.ts'
import type { Render } from './render.ts'
import { renderAnimation } from './render-animation.ts'
import {
  filter,
  isBuffered,
  isFiltered,
  needsRotateFlipPad,
  pixelsOf,
  rotateFlipPad,
  run,
  type SourceImageInfo,
  scale,
} from './render-stages.ts'
import { coarseSize, readFully } from './shrink-on-load.ts'

export { renderPlayed } from './render-animation.ts'

/**
 * Renders an image: decodes, orients, crops, scales, rotates, pads, blurs, converts to sRGB, and encodes
 * without metadata. An animation with a broken frame is rendered again with the frames before it, or as a
 * still if only one is left. A still uses the kept pixels when there are any. Fails with `undecodable`.
 */
export async function renderImage(
  file: ImageFile,
  render: Render,
  decodeStill: DecodeStill,
): Promise<Uint8Array | Failure> {
  const { bytes, info } = file
  // Sharp does not decode the frames of an AVIF or a HEIC; `renderPlayed` renders them.
  if (!keepsAnimation(info, render) || isHeif(info.format)) return renderStill(file, render, decodeStill)
  const animated = await renderAnimation(bytes, info, render)
  const broken = isFailure(animated) && animated.code === 'undecodable'
  return broken ? renderStill(file, render, decodeStill) : animated
}

/**
 * Renders pixels that another decoder returned (a video frame, HEIC) with the same plan: scale, blur, encode.
 * `source` describes the codec of the source. Fails with `undecodable`.
 */
export function renderRaw(
  image: RawImage,
  render: Render,
  source: Pick<ImageInfo, 'lossless' | 'palette'> = { lossless: false, palette: false },
): Promise<Uint8Array | Failure> {
  const { width, height, channels } = image
  const { lossless, palette } = source
  return finish(openRaw(image), { width, height, hasAlpha: channels === 4, palette, lossless }, render)
}

/**
 * Runs all stages after the decoder of a still. `inside` is the render that is used until the image is raw
 * pixels in sRGB.
 */
async function finish(
  opened: Sharp,
  info: SourceImageInfo,
  render: Render,
  inside: Render = render,
): Promise<Uint8Array | Failure> {
  const scaled = scale(opened, info, inside)
  // Backgrounds are blended in sRGB, as browsers do.
  if (!isBuffered(render) && inside === render) return run(filter(scaled, render), info, render)
  const pixels = await pixelsOf(scaled)
  if (isFailure(pixels)) return pixels
  const framed = needsRotateFlipPad(render) ? rotateFlipPad(openRaw(pixels), render) : openRaw(pixels)
  if (render.pad === undefined || !isFiltered(render)) return run(filter(framed, render), info, render)
  const padded = await pixelsOf(framed)
  freeBuffer(pixels.data)
  return isFailure(padded) ? padded : run(filter(openRaw(padded), render), info, render)
}

/** Whether a rendition in this format can keep an animation; PNG can, as APNG. */
function holdsAnimation(format: ImageFormat): boolean {
  return ENCODED_ANIMATIONS.has(format)
}

const ENCODED_ANIMATIONS: ReadonlySet<ImageFormat> = new Set(['gif', 'webp', 'png', 'avif'])

/** Whether the rendition will have more than one frame. */
export function keepsAnimation(info: ImageInfo, render: Pick<Render, 'animated' | 'format'>): boolean {
  return render.animated && info.frames > 1 && holdsAnimation(render.format)
}

function openStill(bytes: Uint8Array, info: ImageInfo, render: Render): Sharp {
  return withColourBands(readFully(openFile(bytes, info, { pages: 1 }), info, render), info, render)
}

/** Renders a still that its codec scales while decoding. */
async function renderCoarse(
  { bytes, info }: ImageFile,
  render: Render,
  coarse: Size,
): Promise<Uint8Array | Failure> {
  const pixels = await pixelsOf(
    openFile(bytes, info, { pages: 1 }).resize(coarse.width, coarse.height, { fit: 'fill' }),
  )
  if (isFailure(pixels)) return pixels
  const rendered = await finish(openRaw(pixels), { ...info, ...coarse }, render)
  freeBuffer(pixels.data)
  return rendered
}

async function renderStill(
  source: ImageFile,
  render: Render,
  decodeStill: DecodeStill,
): Promise<Uint8Array | Failure> {
  const { bytes, info, kept } = source
  if (needsOwnDecoder(info)) {
    const decode = () => decodeFrame(bytes, info, 0, decodeStill)
    const image = await (kept?.read('image', decode) ?? decode())
    return isFailure(image) ? image : renderRaw(image, render, { lossless: info.lossless, palette: false })
  }
  const coarse = coarseSize(info, render)
  if (coarse !== undefined) return renderCoarse(source, render, coarse)
  if (kept?.isNeeded !== true || bytesToKeep(info, render) === 0)
    return finish(openStill(bytes, info, render), info, render, deferBackground(render, info))
  // Kept as a file: libvips scales raw pixels in other regions at a time, and rounds some of its sums
  // differently. At one of sixty widths that changes one in a thousand samples by one level.
  const file = await kept.read('file', async () => {
    const pixels = await pixelsOf(openStill(bytes, info, render))
    if (isFailure(pixels)) return pixels
    const data = wrapInTiff(pixels)
    freeBuffer(pixels.data)
    return { data }
  })
  return isFailure(file) ? file : finish(sharp(file.data, UNLIMITED_PIXELS), info, render)
}
