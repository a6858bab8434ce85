/** The structure of an animated PNG (PNG specification, third edition, section 4.9 and chunks acTL, fcTL, fdAT). */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { encodePngChunk, PNG_SIGNATURE, type PngChunk, pngChunks, unpackProfile } from './png-chunks.ts'

export interface Apng {
  readonly width: number
  readonly height: number
  /** How often it plays; 0 is for ever. */
  readonly loop: number
  readonly frames: readonly ApngFrame[]
}

export interface ApngFrame {
  /** A part of the canvas. */
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly delayMs: number
  /** What becomes of the part before the next frame is drawn. */
  readonly dispose: 'none' | 'background' | 'previous'
  readonly blend: 'source' | 'over'
  /** 16 bits a sample. */
  readonly isDeep: boolean
  /** The part as a PNG of its own; made when it is asked for. */
  readonly png: () => Uint8Array
}

/** Frames that the header announces, as far as they are there and lie on the canvas; 1 for a plain PNG. */
export function countApngFrames(bytes: Uint8Array): number {
  let header: Uint8Array | undefined
  let announced = 1
  let controls = 0
  for (const { id, data } of pngChunks(bytes)) {
    if (id === 'IHDR' && data.length === IHDR_BYTES) header ??= data
    if (id === 'acTL' && data.length >= ACTL_BYTES && announced === 1)
      announced = Math.max(1, viewOf(data).getUint32(0))
    if (id === 'fcTL') {
      if (header !== undefined && typeof partOf(data, header) === 'string') break
      controls += 1
    }
    if ((id === 'IDAT' && announced === 1) || controls === announced) break
  }
  return Math.max(1, Math.min(announced, controls))
}

/**
 * Tells whether the picture that viewers without animation show is no frame: then what Sharp decodes is not what
 * a browser shows.
 */
export function hidesDefaultImage(bytes: Uint8Array): boolean {
  let [animated, hidden, controlled] = [false, false, false]
  let header: Uint8Array | undefined
  for (const { id, data } of pngChunks(bytes)) {
    if (id === 'IHDR' && data.length === IHDR_BYTES) header ??= data
    if (id === 'acTL') animated = true
    if (id === 'IDAT' && !hidden) {
      if (!animated) return false
      hidden = true
    }
    if (id === 'fcTL' && !hidden) return false
    if (id === 'fcTL') {
      if (header !== undefined && typeof partOf(data, header) === 'string') return false
      controlled = true
    }
    // Where nothing takes its place, it is what there is.
    if (id === 'fdAT' && controlled && data.length > SEQUENCE_BYTES) return true
  }
  return false
}

/**
 * Splits an animation into its frames, as many as there are where the file is cut off, and up to the first that does not lie on
 * the canvas, as browsers play it; a control without data is none. Fails with `undecodable` where there is none; more than
 * announced are not looked at, as nobody checked what they cost.
 */
export function readApng(bytes: Uint8Array): Apng | Failure {
  let header: Uint8Array | undefined
  let announced = 0
  let loop = 0
  const colours = new Map<string, Uint8Array>()
  const frames: ApngFrame[] = []
  let control: Uint8Array | undefined
  let data: Uint8Array[] = []

  let fault: string | undefined
  /** Ends the frame under way. */
  const endFrame = (): void => {
    if (control === undefined || header === undefined || data.length === 0) return
    const frame = frameOf(control, header, [...colours.values()], data)
    control = undefined
    data = []
    if (typeof frame === 'string') fault = frame
    else frames.push(frame)
  }

  for (const chunk of pngChunks(bytes)) {
    switch (chunk.id) {
      case 'IHDR':
        if (chunk.data.length === IHDR_BYTES) header ??= chunk.data
        break
      case 'acTL': {
        // The first counts: it is the one that was checked.
        if (chunk.data.length < ACTL_BYTES || announced > 0) break
        announced = Math.max(1, viewOf(chunk.data).getUint32(0))
        loop = viewOf(chunk.data).getUint32(4)
        break
      }
      case 'fcTL': {
        endFrame()
        control = chunk.data
        data = []
        break
      }
      case 'IDAT':
        // Without a control before it this is the picture for viewers without animation.
        if (control !== undefined) data.push(chunk.data)
        break
      case 'fdAT':
        if (chunk.data.length > SEQUENCE_BYTES) data.push(chunk.data.subarray(SEQUENCE_BYTES))
        break
      default:
        if (!COLOUR_CHUNKS.has(chunk.id) || colours.has(chunk.id)) break
        // The pixels count for more than their exact colours: a scan has to see them.
        if (isDear(chunk)) break
        colours.set(chunk.id, encodePngChunk(chunk.id, chunk.data))
    }
    if (fault !== undefined || (frames.length > 0 && frames.length === announced)) break
  }
  // Of a file that is cut off the last control may stand without its data.
  if (fault === undefined && frames.length < announced && data.length > 0) endFrame()
  if (header === undefined || frames.length === 0)
    return fail('undecodable', fault ?? `none of ${announced} frames`)
  const view = viewOf(header)
  return { width: view.getUint32(0), height: view.getUint32(4), loop, frames }
}

const IHDR_BYTES = 13
const BIT_DEPTH_AT = 8
const ACTL_BYTES = 8
const FCTL_BYTES = 26
const SEQUENCE_BYTES = 4

/** What says how the numbers of every frame become colours. */
const COLOUR_CHUNKS: ReadonlySet<string> = new Set(['PLTE', 'tRNS', 'iCCP', 'sRGB', 'gAMA', 'cHRM', 'sBIT'])

const MAX_COLOUR_CHUNK_BYTES = 256 * 1024
const MAX_PROFILE_BYTES = 1024 * 1024

/** Tells whether a chunk is too much to be repeated, and a profile too much to be unpacked, for every frame. */
function isDear({ id, data }: PngChunk): boolean {
  if (data.length > MAX_COLOUR_CHUNK_BYTES) return true
  return id === 'iCCP' && unpackProfile(data, MAX_PROFILE_BYTES) === undefined
}

const DISPOSALS = ['none', 'background', 'previous'] as const
const BLENDS = ['source', 'over'] as const

type Part = Omit<ApngFrame, 'isDeep' | 'png'>

/** What a control tells, or what is wrong with it. */
function partOf(control: Uint8Array, header: Uint8Array): Part | string {
  if (control.length < FCTL_BYTES) return 'a frame without its control'
  const canvas = viewOf(header)
  const view = viewOf(control)
  const [width, height] = [view.getUint32(4), view.getUint32(8)]
  const [left, top] = [view.getUint32(12), view.getUint32(16)]
  const inside = left + width <= canvas.getUint32(0) && top + height <= canvas.getUint32(4)
  if (width === 0 || height === 0 || !inside) return 'a frame outside of its canvas'
  const dispose = DISPOSALS[view.getUint8(24)]
  const blend = BLENDS[view.getUint8(25)]
  if (dispose === undefined || blend === undefined) return 'a frame with unknown flags'
  const delayMs = Math.round((1000 * view.getUint16(20)) / (view.getUint16(22) || 100))
  return { left, top, width, height, delayMs, dispose, blend }
}

/** The frame, or what is wrong with it. */
function frameOf(
  control: Uint8Array,
  header: Uint8Array,
  colours: readonly Uint8Array[],
  data: readonly Uint8Array[],
): ApngFrame | string {
  const part = partOf(control, header)
  if (typeof part === 'string') return part
  return {
    ...part,
    isDeep: header[BIT_DEPTH_AT] === 16,
    png: () => {
      const own = Buffer.from(header)
      own.writeUInt32BE(part.width, 0)
      own.writeUInt32BE(part.height, 4)
      return Buffer.concat([
        PNG_SIGNATURE,
        encodePngChunk('IHDR', own),
        ...colours,
        encodePngChunk('IDAT', ...data),
        encodePngChunk('IEND'),
      ])
    },
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
