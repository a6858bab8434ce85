/** The cost of a job, from what its process knows of the source. */

import type { Size } from '../../media/size.ts'
import {
  BASE_BYTES,
  type CostRender,
  type CostSource,
  FREE,
  MIB,
  oneAfterTheOther,
  predictRender,
} from '../cost.ts'
import { predictStill } from '../film-cost.ts'
import type { Cost } from '../jobs.ts'
import { MAX_PIXELS as MAX_GIF_PIXELS } from './formats/gif/mend-gif.ts'
import { isWholePng } from './formats/png/mend-png.ts'
import { picturesInSvg } from './formats/svg/svg-picture-sizes.ts'
import { rowsAtOnce } from './formats/tiff/tiff-samples.ts'
import { MAX_ENCODES } from './image/fit-bytes.ts'
import type { ImageInfo } from './image/inspect.ts'
import { seeksFaces, sizeOf } from './image/layout.ts'
import { coarseSize, isWholeWebp } from './image/reading.ts'
import type { Render } from './image/render-image.ts'
import { isHeld } from './image/render-stages.ts'

/** What of a source is known when its header is. */
export interface SeenBytes {
  /** All of it, or its start. */
  readonly bytes: Uint8Array
  readonly sizeBytes: number
}

/** How a picture is decoded. */
export interface Decoding {
  /** So many of them are decoded and encoded. */
  readonly frames: number
  /** All of its pixels are held before the part that is used is known. */
  readonly cutLate: boolean
}

/** The cost of rendering a picture. Of a drawing the size is that in which it is drawn. */
export function costOfPicture(
  info: ImageInfo,
  render: Render,
  { frames, cutLate }: Decoding,
  seen: SeenBytes,
): Cost {
  // Where the faces are is not known yet, but only a part of it is used then.
  const isCutEarly = render.part !== undefined || seeksFaces(render)
  const pictures = costOfPictures(info, seen)
  const source = {
    ...info,
    frames,
    turned: info.orientation > 1,
    played: frames > 1 || info.hidesDefault === true,
    held: heldOfWebp(info, render),
    filtered: info.format === 'svg' && hasFilters(seen.bytes),
    cut: cutLate ? ('late' as const) : isCutEarly ? ('early' as const) : undefined,
    sourceBytes: seen.sizeBytes - pictures.sourceBytes,
  }
  const plain = predictRender(source, { ...costRender(render), frames })
  const drawn = {
    memoryBytes: plain.memoryBytes + treeBytes(info, seen) + tilesBytes(info, seen) + pictures.memoryBytes,
    cpuSeconds: plain.cpuSeconds + pictures.cpuSeconds,
  }
  const cost = oneAfterTheOther(drawn, costOfReading(info, seen))
  return seeksFaces(render) ? withLook(cost, info, seen) : cost
}

/** What is held of a WebP that its codec does not scale to the very size; what it scales in part is held twice. */
function heldOfWebp(info: ImageInfo, render: Render): CostSource['held'] {
  const { width, height } = info
  const coarse = coarseSize(info, render)
  if (coarse !== undefined) return { width: coarse.width, pixels: 2 * coarse.width * coarse.height }
  return isWholeWebp(info, render) ? { width, pixels: width * height } : undefined
}

/** What has to be done to a file before it is decoded, or while it is. */
function costOfReading({ format, width, height }: ImageInfo, { bytes, sizeBytes }: SeenBytes): Cost {
  // Of a part it is not known what the rest is.
  if (format === 'png' && bytes.length === sizeBytes && !isWholePng(bytes)) {
    const pixels = width * height
    return {
      memoryBytes: BASE_BYTES + sizeBytes + pixels * REPAINTED_BYTES_PER_PIXEL,
      cpuSeconds: (pixels / 1e6) * REPAINTED_SECONDS_PER_MEGAPIXEL,
    }
  }
  // Whether its first picture is whole is known once it is read.
  if (format === 'gif' && width * height <= MAX_GIF_PIXELS) {
    const pixels = width * height
    return {
      memoryBytes: BASE_BYTES + 2 * sizeBytes + pixels * CODED_ANEW_BYTES_PER_PIXEL,
      cpuSeconds: (pixels / 1e6) * CODED_ANEW_SECONDS_PER_MEGAPIXEL,
    }
  }
  return FREE
}

/** Its indices, and codes of nine bits for them, twice; and twice that where V8 has not come by since the header was read. */
const CODED_ANEW_BYTES_PER_PIXEL = 11
const CODED_ANEW_SECONDS_PER_MEGAPIXEL = 0.03

/** Unpacked, padded, packed, in a file, decoded, and in another file. */
const REPAINTED_BYTES_PER_PIXEL = 26
const REPAINTED_SECONDS_PER_MEGAPIXEL = 0.06

/**
 * What librsvg holds of an element while it draws, however short it is, of an attribute, and of a number of a path, by the
 * byte that begins each: a drawing is read twice, for its size too. Pictures in base64 have none of these.
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

/** The tree of a drawing, which is there beside its pixels. */
function treeBytes({ format }: ImageInfo, { bytes }: SeenBytes): number {
  if (format !== 'svg') return 0
  let sum = 0
  for (let at = 0; at + 1 < bytes.length; at += 1)
    if (bytes[at + 1] !== SLASH) sum += treeBytesOf[bytes[at] ?? 0] ?? 0
  return sum
}

/** As they are decoded, and as rows. */
const COPIES_OF_TILES = 2

/** What is held of a TIFF whose rows do not come one by one. */
function tilesBytes(
  { format, width, height, bands, bytesPerSample }: ImageInfo,
  { bytes }: SeenBytes,
): number {
  if (format !== 'tiff') return 0
  return COPIES_OF_TILES * width * Math.min(height, rowsAtOnce(bytes)) * bands * bytesPerSample
}

/** The document as text and as bytes, by turns, and what libxml and librsvg have of it. */
const COPIES_OF_PICTURES = 7
/** Decoded, as librsvg draws it, and in between; all of them are held until the drawing is done. */
const PICTURE_BYTES_PER_PIXEL = 14
const PICTURE_SECONDS_PER_MEGAPIXEL = 0.05
const PICTURE_SECONDS_PER_MIB = 0.1

/** What the pictures in a drawing cost, and how many bytes of it they are, which cost nothing else. */
function costOfPictures(
  { format }: ImageInfo,
  { bytes, sizeBytes }: SeenBytes,
): Cost & { readonly sourceBytes: number } {
  if (format !== 'svg') return { ...FREE, sourceBytes: 0 }
  const pictures = picturesInSvg(bytes)
  const sourceBytes = pictures.bytes + (pictures.isUnfinished ? sizeBytes - bytes.length : 0)
  return {
    sourceBytes,
    memoryBytes: COPIES_OF_PICTURES * sourceBytes + pictures.pixels * PICTURE_BYTES_PER_PIXEL,
    cpuSeconds:
      (sourceBytes / MIB) * PICTURE_SECONDS_PER_MIB + (pictures.pixels / 1e6) * PICTURE_SECONDS_PER_MEGAPIXEL,
  }
}

/** While a file of pixels is made they are there twice, and some of it is not given back at once. */
const COPIES_WHILE_KEEPING = 2.5

/** The same cost where the pixels of the source are kept as a file. */
export function costOfKeeping(cost: Cost, keptBytes: number, { sizeBytes }: SeenBytes): Cost {
  const making = BASE_BYTES + sizeBytes + COPIES_WHILE_KEEPING * keptBytes
  return { ...cost, memoryBytes: Math.max(cost.memoryBytes + keptBytes, making) }
}

/** Of a network of a few megabytes, and one look at the picture before it is rendered. */
const FACES_BYTES = 12 * 2 ** 20
const FACES_SECONDS = 0.3

function withLook(cost: Cost, info: ImageInfo, seen: SeenBytes): Cost {
  const look = costOfThumbnails(info, seen, 1)
  return {
    memoryBytes: Math.max(cost.memoryBytes, look.memoryBytes) + FACES_BYTES,
    cpuSeconds: cost.cpuSeconds + look.cpuSeconds + FACES_SECONDS,
  }
}

/** Tells whether a drawing has filters, where it does not hide them: then the limits of its process hold. */
function hasFilters(svg: Uint8Array): boolean {
  return Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength).includes('<filter')
}

/** What of a rendition decides its cost. */
export function costRender(render: Render): CostRender {
  const { format, quality, blur = 0, sharpen, background, maxBytes } = render
  return {
    ...{ format, ...sizeOf(render), frames: 1, quality, blur },
    sharpened: sharpen !== undefined,
    // Frames that are chosen are copied, as turned ones are.
    arranged: isHeld(render) || render.fps !== undefined,
    laid: background !== undefined,
    encodes: maxBytes === undefined ? 1 : MAX_ENCODES,
  }
}

/** The cost of a still of a video, and of small frames that are looked at beside it. */
export function costOfStill(video: Size, render: Render, samples = 0): Cost {
  return predictStill(video, costRender(render), samples)
}

/** More than anybody waits for: what is predicted of many frames is bounded by it. */
export const MOST_SECONDS = 20

/** The cost of a picture as small as a scan or a placeholder needs it; `decodes` of its frames are decoded on the way. */
export function costOfThumbnails(info: ImageInfo, seen: SeenBytes, decodes: number): Cost {
  const plan = { width: 448, height: 448, mode: 'exact', gravity: 'centre' } as const
  const small = info.drawing === undefined ? info : { ...info, width: plan.width, height: plan.height }
  const render = { plan, format: 'jpeg', quality: 80, animated: false } as const
  const one = costOfPicture(small, render, { frames: 1, cutLate: false }, seen)
  const two = costOfPicture(small, render, { frames: 2, cutLate: false }, seen)
  const cpuSeconds = one.cpuSeconds + (decodes - 1) * (two.cpuSeconds - one.cpuSeconds)
  return { ...one, cpuSeconds: Math.max(one.cpuSeconds, Math.min(MOST_SECONDS, cpuSeconds)) }
}
