/** Predicts the cost of a job from what its process knows about the source. */

import type { Size } from '../../../media/size.ts'
import { type CostRender, type CostSource, FREE, predictRender, sequentialCost } from '../../cost.ts'
import { BASE_BYTES, MIB } from '../../cost-tables.ts'
import type { Cost } from '../../jobs.ts'
import { ANALYSIS_SIDE_PIXELS } from '../../scan-model.ts'
import { MAX_SAMPLES_SECONDS, predictStill } from '../../video-cost.ts'
import { sharesPalette } from '../formats/gif/gif-frames.ts'
import { MAX_PIXELS as MAX_GIF_PIXELS } from '../formats/gif/repair-gif.ts'
import { shownIcon } from '../formats/ico/ico.ts'
import { jpegFrame } from '../formats/jpeg/jpeg-frame.ts'
import { isWholePng } from '../formats/png/repair-png.ts'
import { imagesInSvg } from '../formats/svg/svg-image-sizes.ts'
import { rowsAtOnce } from '../formats/tiff/tiff-samples.ts'
import { MAX_ENCODES } from '../image/fit-bytes.ts'
import type { ImageInfo } from '../image/inspect.ts'
import { seeksFaces, sizeOf } from '../image/layout.ts'
import { bytesToKeep } from '../image/pixel-cache.ts'
import type { Render } from '../image/render.ts'
import { isBuffered } from '../image/render-stages.ts'
import { coarseSize, isWholeWebp } from '../image/shrink-on-load.ts'
import { suitsLibav } from './libav-still.ts'

/** The bytes of a source that are available when its header has been read. */
export interface AvailableBytes {
  /** The whole source, or its start. */
  readonly bytes: Uint8Array
  readonly sizeBytes: number
}

/** The header of an image, and whether libav may decode it. Default: it does not. */
export interface DecodableImage extends ImageInfo {
  readonly usesLibav?: boolean
}

/** How an image is decoded. */
export interface Decoding {
  /** The number of frames that are decoded and encoded. */
  readonly frames: number
  /** Whether all pixels are held in memory before the used part is known. */
  readonly cutLate: boolean
}

/** Predicts the cost of rendering an image. The size of a drawing is the one at which it is rasterised. */
export function predictImage(
  info: DecodableImage,
  render: Render,
  { frames, cutLate }: Decoding,
  available: AvailableBytes,
): Cost {
  // The positions of faces are not known yet, but the crop will use only a part of the image.
  const isCutEarly = render.part !== undefined || seeksFaces(render)
  const embedded = predictSvgImages(info, available)
  const source = {
    ...info,
    usesLibav: (info.usesLibav === true && info.format === 'heic') || rendersByLibav(info, render),
    frames,
    rotated: info.orientation > 1,
    played: frames > 1 || info.hidesDefault === true,
    held: bufferedWebpPixels(info, render),
    samplesPerPixel: info.format === 'jpeg' ? jpegFrame(available.bytes)?.samplesPerPixel : undefined,
    sharedPalette: info.format === 'gif' && sharesPalette(available.bytes),
    filtered: info.format === 'svg' && hasFilters(available.bytes),
    cut: cutLate ? ('late' as const) : isCutEarly ? ('early' as const) : undefined,
    sourceBytes: available.sizeBytes - embedded.sourceBytes,
  }
  const plain = predictRender(source, { ...costRender(render), frames })
  const drawn = {
    memoryBytes:
      plain.memoryBytes + treeBytes(info, available) + tilesBytes(info, available) + embedded.memoryBytes,
    cpuSeconds: plain.cpuSeconds + embedded.cpuSeconds,
  }
  const cost = sequentialCost(drawn, predictRepair(info, available))
  return seeksFaces(render) ? withFaceDetection(cost, info, available) : cost
}

/**
 * Returns the pixels in memory of a WebP that its codec does not scale to the exact size. Pixels that it
 * scales partly are held twice.
 */
function bufferedWebpPixels(info: ImageInfo, render: Render): CostSource['held'] {
  const { width, height } = info
  const coarse = coarseSize(info, render)
  if (coarse !== undefined) return { width: coarse.width, pixels: 2 * coarse.width * coarse.height }
  return isWholeWebp(info, render) ? { width, pixels: width * height } : undefined
}

/** Predicts the cost of repairing a file before or while it is decoded. */
function predictRepair(
  { format, width, height, checksData }: ImageInfo,
  { bytes, sizeBytes }: AvailableBytes,
): Cost {
  // A file of which only the start is available cannot be checked.
  const png = bytes.length === sizeBytes ? pngIn(bytes, format) : undefined
  if (png !== undefined && (checksData || !isWholePng(png))) {
    const pixels = width * height
    const bytesPerPixel = REPAIRED_PNG_BYTES_PER_PIXEL + (format === 'ico' ? DECODED_ICON_BYTES_PER_PIXEL : 0)
    return {
      memoryBytes: BASE_BYTES + sizeBytes + pixels * bytesPerPixel,
      cpuSeconds: (pixels / 1e6) * REPAIRED_PNG_SECONDS_PER_MEGAPIXEL,
    }
  }
  // Whether the first frame is complete is known only once it has been decoded.
  if (format === 'gif' && width * height <= MAX_GIF_PIXELS) {
    const pixels = width * height
    return {
      memoryBytes: BASE_BYTES + 2 * sizeBytes + pixels * REENCODED_GIF_BYTES_PER_PIXEL,
      cpuSeconds: (pixels / 1e6) * REENCODED_GIF_SECONDS_PER_MEGAPIXEL,
    }
  }
  return FREE
}

function pngIn(bytes: Uint8Array, format: ImageInfo['format']): Uint8Array | undefined {
  if (format === 'png') return bytes
  const icon = format === 'ico' ? shownIcon(bytes) : undefined
  return icon?.format === 'png' ? icon.bytes : undefined
}

/**
 * The bytes per pixel to re-encode a GIF: its indices, and their nine-bit codes, twice. Doubled, because V8
 * may not have collected the garbage of reading the header.
 */
const REENCODED_GIF_BYTES_PER_PIXEL = 11
const REENCODED_GIF_SECONDS_PER_MEGAPIXEL = 0.03

/**
 * The bytes per pixel to repair a PNG: unpacked, padded, packed, in a file, decoded, and in another file. The
 * garbage of a first attempt may still be there: 28 were measured.
 */
const REPAIRED_PNG_BYTES_PER_PIXEL = 30
/** The bytes per pixel of an icon's repaired PNG that is decoded while the garbage of the repair remains. */
const DECODED_ICON_BYTES_PER_PIXEL = 32
const REPAIRED_PNG_SECONDS_PER_MEGAPIXEL = 0.06

/**
 * The bytes that librsvg allocates while it draws: per element, however short, per attribute, and per number
 * of a path. The keys are the bytes with which each begins. A drawing is parsed twice, the first time for its
 * size. Images in base64 contain none of these bytes.
 */
const TREE_BYTES: ReadonlyMap<string, number> = new Map([
  ['<', 2700],
  ['=', 300],
  [' ', 80],
  [',', 80],
  ['-', 80],
])

const treeBytesOf = Uint16Array.from(
  { length: 256 },
  (_, byte) => TREE_BYTES.get(String.fromCharCode(byte)) ?? 0,
)
const SLASH = 0x2f

/** Returns the bytes of a drawing's element tree, which is held in addition to its pixels. */
function treeBytes({ format }: ImageInfo, { bytes }: AvailableBytes): number {
  if (format !== 'svg') return 0
  let sum = 0
  for (let at = 0; at + 1 < bytes.length; at += 1)
    if (bytes[at + 1] !== SLASH) sum += treeBytesOf[bytes[at] ?? 0] ?? 0
  return sum
}

/** The decoded tiles, and the rows made of them. */
const COPIES_OF_TILES = 2

/** Returns the bytes that are held for a TIFF whose rows are not decoded one by one. */
function tilesBytes(
  { format, width, height, bands, bytesPerSample }: ImageInfo,
  { bytes }: AvailableBytes,
): number {
  if (format !== 'tiff') return 0
  return COPIES_OF_TILES * width * Math.min(height, rowsAtOnce(bytes)) * bands * bytesPerSample
}

/** The document as text and as bytes alternately, and the copies that libxml and librsvg make of it. */
const SVG_IMAGE_COPIES = 7
/**
 * Decoded, in librsvg's format, and in between. All embedded images are held until the drawing is finished.
 */
const SVG_IMAGE_BYTES_PER_PIXEL = 14
const SVG_IMAGE_SECONDS_PER_MEGAPIXEL = 0.05
const SVG_IMAGE_SECONDS_PER_MIB = 0.1

/**
 * Predicts the cost of the images embedded in a drawing, and returns the number of their bytes, which have no
 * other cost.
 */
function predictSvgImages(
  { format }: ImageInfo,
  { bytes, sizeBytes }: AvailableBytes,
): Cost & { readonly sourceBytes: number } {
  if (format !== 'svg') return { ...FREE, sourceBytes: 0 }
  const embedded = imagesInSvg(bytes)
  const sourceBytes = embedded.bytes + (embedded.isUnfinished ? sizeBytes - bytes.length : 0)
  return {
    sourceBytes,
    memoryBytes: SVG_IMAGE_COPIES * sourceBytes + embedded.pixels * SVG_IMAGE_BYTES_PER_PIXEL,
    cpuSeconds:
      (sourceBytes / MIB) * SVG_IMAGE_SECONDS_PER_MIB +
      (embedded.pixels / 1e6) * SVG_IMAGE_SECONDS_PER_MEGAPIXEL,
  }
}

/** While the file of pixels is written there are two copies, and some memory is not released at once. */
const COPIES_WHILE_KEEPING = 2.5

/** Returns the cost when the pixels of the source are also kept for other jobs. */
export function withKeptPixels(
  cost: Cost,
  info: DecodableImage,
  render: Render,
  { bytes, sizeBytes }: AvailableBytes,
): Cost {
  const keptBytes = rendersByLibav(info, render) ? bytesOfSamples(info, bytes) : bytesToKeep(info, render)
  const making = BASE_BYTES + sizeBytes + COPIES_WHILE_KEEPING * keptBytes
  return { ...cost, memoryBytes: Math.max(cost.memoryBytes + keptBytes, making) }
}

/** Returns the size of an image as libav decodes it: the chroma of a JPEG usually has a quarter of the pixels. */
function bytesOfSamples({ format, width, height, bands }: ImageInfo, bytes: Uint8Array): number {
  const samples = format === 'jpeg' ? jpegFrame(bytes)?.samplesPerPixel : undefined
  return width * height * (samples ?? bands)
}

/** Whether libav renders an image alone, if it is intact. */
function rendersByLibav(info: DecodableImage, render: Render): boolean {
  return info.usesLibav === true && suitsLibav(info, render)
}

/**
 * The cost of a face detector with a few megabytes of weights, and the garbage of its layers. Its input is decoded
 * before the image is rendered.
 */
const FACES_BYTES = 16 * 2 ** 20
const FACES_SECONDS = 0.3

function withFaceDetection(cost: Cost, info: DecodableImage, available: AvailableBytes): Cost {
  const look = predictThumbnails(info, available, 1)
  return {
    memoryBytes: Math.max(cost.memoryBytes, look.memoryBytes) + FACES_BYTES,
    cpuSeconds: cost.cpuSeconds + look.cpuSeconds + FACES_SECONDS,
  }
}

/** Whether a drawing has filters. A drawing that hides them is bounded by the limits of its process. */
function hasFilters(svg: Uint8Array): boolean {
  return Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength).includes('<filter')
}

/** Returns the properties of a rendition that determine its cost. */
export function costRender(render: Render): CostRender {
  const { format, quality, blur = 0, sharpen, background, maxBytes } = render
  return {
    format,
    ...sizeOf(render),
    frames: 1,
    quality,
    blur,
    sharpened: sharpen !== undefined,
    // Selecting frames for a lower frame rate copies them, as rotating does.
    buffered: isBuffered(render) || render.fps !== undefined,
    flattened: background !== undefined,
    encodes: maxBytes === undefined ? 1 : MAX_ENCODES,
  }
}

/** Predicts the cost of a still of a video, and of `samples` small frames that are analysed for it. */
export function predictVideoStill(video: Size, render: Render, samples = 0): Cost {
  return predictStill(video, costRender(render), samples)
}

/**
 * Predicts the cost of an image at the size that a scan or a placeholder needs. `decodes` is the number of
 * frames that are decoded for it.
 */
export function predictThumbnails(info: DecodableImage, available: AvailableBytes, decodes: number): Cost {
  const plan = {
    width: ANALYSIS_SIDE_PIXELS,
    height: ANALYSIS_SIDE_PIXELS,
    mode: 'exact',
    gravity: 'centre',
  } as const
  const small = info.drawing === undefined ? info : { ...info, width: plan.width, height: plan.height }
  const render = { plan, format: 'jpeg', quality: 80, animated: false } as const
  const one = predictImage(small, render, { frames: 1, cutLate: false }, available)
  const two = predictImage(small, render, { frames: 2, cutLate: false }, available)
  const cpuSeconds = one.cpuSeconds + (decodes - 1) * (two.cpuSeconds - one.cpuSeconds)
  return { ...one, cpuSeconds: Math.max(one.cpuSeconds, Math.min(MAX_SAMPLES_SECONDS, cpuSeconds)) }
}
