/**
 * The structure of an animated PNG (PNG specification, third edition, section 4.9 and chunks acTL, fcTL,
 * fdAT).
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { createDelayRounding } from '../../pixels/delays.ts'
import { encodePngChunk, PNG_SIGNATURE, type PngChunk, pngChunks, unpackProfile } from './png-chunks.ts'

export interface Apng {
  readonly width: number
  readonly height: number
  /** How often it plays; 0 means forever. */
  readonly loop: number
  readonly frames: readonly ApngFrame[]
}

export interface ApngFrame {
  /** The rectangle of the canvas that the frame covers, in pixels. */
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** In whole milliseconds. */
  readonly delayMs: number
  /** What happens to this area before the next frame is drawn. */
  readonly dispose: 'none' | 'background' | 'previous'
  readonly blend: 'source' | 'over'
  /** Whether samples have 16 bits. */
  readonly isDeep: boolean
  /** Encodes the frame as a separate PNG. Runs on each call. */
  readonly png: () => Uint8Array
}

/**
 * Returns the number of frames that the header declares and that are present inside the canvas, or 1 for a
 * plain PNG. A control chunk without data is no frame.
 */
export function countApngFrames(bytes: Uint8Array): number {
  let header: Uint8Array | undefined
  let announced: number | undefined
  let isControlled = false
  let frames = 0
  for (const { id, data } of pngChunks(bytes)) {
    if (id === 'IHDR' && data.length === IHDR_BYTES) header ??= data
    // The control chunk of the first frame may come before this one.
    if (id === 'acTL') announced ??= announcedFrames(data)
    if (id === 'fcTL') {
      if (header !== undefined && typeof partOf(data, header) === 'string') break
      isControlled = true
    }
    if (id === 'IDAT' && announced === undefined) break
    if (isControlled && (id === 'IDAT' || (id === 'fdAT' && data.length > SEQUENCE_BYTES))) {
      isControlled = false
      frames += 1
    }
    if (frames === announced) break
  }
  return Math.max(1, Math.min(announced ?? 1, frames))
}

/**
 * Whether the default image, which viewers without animation show, is not a frame. Sharp then decodes
 * something else than browsers show.
 */
export function hidesDefaultImage(bytes: Uint8Array): boolean {
  let [animated, hidden, controlled] = [false, false, false]
  let header: Uint8Array | undefined
  for (const { id, data } of pngChunks(bytes)) {
    if (id === 'IHDR' && data.length === IHDR_BYTES) header ??= data
    if (id === 'acTL' && announcedFrames(data) !== undefined) animated = true
    if (id === 'IDAT' && !hidden) {
      if (!animated) return false
      hidden = true
    }
    if (id === 'fcTL' && !hidden) return false
    if (id === 'fcTL') {
      if (header !== undefined && typeof partOf(data, header) === 'string') return false
      controlled = true
    }
    // When no frame replaces it, browsers show the default image.
    if (id === 'fdAT' && controlled && data.length > SEQUENCE_BYTES) return true
  }
  return false
}

/**
 * Splits an animation into its frames. A truncated file has as many frames as are present; a control chunk
 * without data is no frame. As in browsers, the animation ends before the first frame that lies outside the
 * canvas. Fails with `undecodable` when there is no frame. Frames beyond the declared number are not read,
 * because their cost was not checked.
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
  /** Finishes the current frame. */
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
        // The first one counts, because that is the one that was checked.
        const frames = announcedFrames(chunk.data)
        if (frames === undefined || announced > 0) break
        announced = frames
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
        // Without a control chunk before it, this is the default image for viewers without animation.
        if (control !== undefined) data.push(chunk.data)
        break
      case 'fdAT':
        if (chunk.data.length > SEQUENCE_BYTES) data.push(chunk.data.subarray(SEQUENCE_BYTES))
        break
      default:
        if (!COLOUR_CHUNKS.has(chunk.id) || colours.has(chunk.id)) break
        // Played without the profile: a scan has to see the pixels, whose exact colours matter less.
        if (isTooExpensive(chunk)) break
        colours.set(chunk.id, encodePngChunk(chunk.id, chunk.data))
    }
    if (fault !== undefined || (frames.length > 0 && frames.length === announced)) break
  }
  // In a truncated file the last control chunk may have no data.
  if (fault === undefined && frames.length < announced && data.length > 0) endFrame()
  if (header === undefined || frames.length === 0)
    return fail('undecodable', fault ?? `none of ${announced} frames`)
  const view = viewOf(header)
  const round = createDelayRounding()
  return {
    width: view.getUint32(0),
    height: view.getUint32(4),
    loop,
    frames: frames.map((frame) => ({ ...frame, delayMs: round(frame.delayMs) })),
  }
}

/**
 * Returns the number of frames that the header of an animation declares. Undefined when it is invalid:
 * browsers then show a plain PNG.
 */
function announcedFrames(header: Uint8Array): number | undefined {
  const frames = header.length < ACTL_BYTES ? 0 : viewOf(header).getUint32(0)
  return frames > 0 && frames <= MAX_FRAMES ? frames : undefined
}

/** The largest number in a PNG (PNG specification, third edition, section 7.1). */
const MAX_FRAMES = 0x7fff_ffff

const IHDR_BYTES = 13
const BIT_DEPTH_AT = 8
const ACTL_BYTES = 8
const FCTL_BYTES = 26
const SEQUENCE_BYTES = 4

/** The chunks that define the colours of all frames. */
const COLOUR_CHUNKS: ReadonlySet<string> = new Set(['PLTE', 'tRNS', 'iCCP', 'sRGB', 'gAMA', 'cHRM', 'sBIT'])

const MAX_COLOUR_CHUNK_BYTES = 256 * 1024
const MAX_PROFILE_BYTES = 1024 * 1024

/**
 * Whether a chunk is too large to be repeated for every frame, or its profile too large to be
 * decompressed for every frame.
 */
function isTooExpensive({ id, data }: PngChunk): boolean {
  if (data.length > MAX_COLOUR_CHUNK_BYTES) return true
  return id === 'iCCP' && unpackProfile(data, MAX_PROFILE_BYTES) === undefined
}

const DISPOSALS = ['none', 'background', 'previous'] as const
const BLENDS = ['source', 'over'] as const

type Part = Omit<ApngFrame, 'isDeep' | 'png'>

/** Returns the area and timing that a control chunk declares, or a description of what is wrong with them. */
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
  const delayMs = (1000 * view.getUint16(20)) / (view.getUint16(22) || 100)
  return { left, top, width, height, delayMs, dispose, blend }
}

/** Returns the frame, or a description of what is wrong with it. */
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
