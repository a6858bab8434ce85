/**
 * Animated AVIF and HEIC bursts hold a still image and also a track of coded frames like that of a video
 * (ISO/IEC 23008-12, section 7). Sharp sees only the still, while viewers play the track. Relabelled as a
 * video, the file can be read by the video code.
 */

import { type ByteSpan, boxesIn, findBoxes, type IsoBox } from '../../../../media/iso-boxes.ts'
import type { Size } from '../../../../media/size.ts'
import { createDelayRounding } from '../../pixels/delays.ts'
import type { AnimationTiming } from '../../pixels/strip.ts'
import { ALPHA_TYPES } from './heif-items.ts'

/** What the index of a sequence declares. */
export interface ImageSequence {
  readonly frames: number
  /** Whether viewers play it. They show the still image when the major brand is one of still images. */
  readonly isPlayed: boolean
  /** The size of a frame as shown. */
  readonly size: Size
  readonly hasAlpha: boolean
  /** Whether the colours are premultiplied by the alpha. */
  readonly isPremultiplied: boolean
  /** Returns the loop count and the delays of at most `maxFrames` frames. */
  timing(maxFrames: number): AnimationTiming
  /**
   * Returns a copy of the file that declares its images as its only track, a video. On request, the alpha of
   * each image follows as a second track.
   */
  asVideo(alpha?: 'with alpha'): Uint8Array
}

/** The largest number of runs of frames of equal duration that are read. */
const MAX_RUNS = 10_000
/**
 * The largest number of frames that is believed: half a day of them. An index of a few bytes can declare
 * billions.
 */
const MAX_FRAMES = 1_000_000
const HANDLER_OFFSET = 8
const IMAGE_HANDLER = 'pict'
const AUXILIARY = 'auxv'
const VIDEO = 'vide'
/** The brand of an animated AVIF (AV1 Image File Format, section 6.3). */
const SEQUENCE_BRAND = 'avis'
/** The major brands of still images in HEVC (ISO/IEC 23008-12, annex B). */
const HEVC_STILL_BRANDS: ReadonlySet<string> = new Set(['heic', 'heix', 'heim', 'heis'])
/** A brand that declares no more than ISO boxes (ISO/IEC 14496-12). */
const PLAIN_BRAND = 'isom'
const IGNORED_BOX = 'free'

/** Reads the sequence of a file that also holds a still image. Undefined when it has none. */
export function readSequence(bytes: Uint8Array): ImageSequence | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = { start: 0, end: file.length }
  const [brand] = inside(file, whole, 'ftyp')
  const tracks = inside(file, whole, 'moov', 'trak').map((track) => trackOf(file, track))
  if (brand === undefined) return undefined
  const brands = file.toString('latin1', brand.start, brand.end)
  const isSequence = brands.includes(SEQUENCE_BRAND)
  // Video writers also write sequences, with the handler type of a video track.
  const imageTrack =
    tracks.find(({ handler }) => handler === IMAGE_HANDLER) ??
    (isSequence ? tracks.find(({ handler }) => handler === VIDEO) : undefined)
  if (imageTrack === undefined) return undefined
  const runs = durationRuns(file, imageTrack.box)
  const alpha = tracks.find(({ handler, box }) => handler === AUXILIARY && isAlpha(file, box))
  const orientation = orientationOf(file, imageTrack.box)
  return {
    frames: Math.min(
      MAX_FRAMES,
      runs.reduce((sum, { frames }) => sum + frames, 0),
    ),
    isPlayed: !isStillBrand(brands.slice(0, 4), isSequence),
    size: sizeOf(file, imageTrack.box, orientation),
    hasAlpha: alpha !== undefined,
    isPremultiplied: alpha !== undefined && isPremultipliedBy(file, imageTrack.box, alpha.box),
    timing: (maxFrames) => ({
      loop: loopOf(file, imageTrack.box),
      delay: delaysOf(runs, maxFrames),
    }),
    asVideo(withAlpha) {
      const video = Buffer.from(file)
      video.write(PLAIN_BRAND, brand.start, 'latin1')
      // Newer versions of FFmpeg would take the still image for the first video.
      for (const box of inside(file, whole, 'meta')) video.write(IGNORED_BOX, typeAt(box), 'latin1')
      const mask = withAlpha && alpha
      for (const track of tracks) {
        const isPlayed = track === imageTrack || track === mask
        if (isPlayed) {
          video.write(VIDEO, track.handlerAt, 'latin1')
          if (orientation !== undefined) writeOrientation(video, track.box, orientation)
        } else video.write(IGNORED_BOX, typeAt(track.box), 'latin1')
      }
      return mask !== undefined && mask.box.start < imageTrack.box.start
        ? exchanged(video, mask.box, imageTrack.box)
        : video
    },
  }
}

/**
 * Whether the major brand is the one of still images, as libavif and browsers understand it: `avif`,
 * or the one of HEVC in a file without a sequence of AV1.
 */
function isStillBrand(major: string, isAvifSequence: boolean): boolean {
  return major === 'avif' || (!isAvifSequence && HEVC_STILL_BRANDS.has(major))
}

/** Returns a copy of the file with two boxes exchanged, because readers go by the order of tracks. */
function exchanged(file: Buffer, first: IsoBox, second: IsoBox): Buffer {
  return Buffer.concat([
    file.subarray(0, first.headerAt),
    file.subarray(second.headerAt, second.end),
    file.subarray(first.end, second.headerAt),
    file.subarray(first.headerAt, first.end),
    file.subarray(second.end),
  ])
}

/** Returns the offset of a box's type, which follows its size. */
function typeAt({ headerAt }: IsoBox): number {
  return headerAt + 4
}

/** Returns the complete boxes at the end of a path of types. */
function inside(file: Buffer, span: ByteSpan, ...path: readonly string[]): readonly IsoBox[] {
  return [...findBoxes(file, span, ...path)].filter(({ isWhole }) => isWhole)
}

function trackOf(file: Buffer, box: IsoBox) {
  const [header] = inside(file, box, 'mdia', 'hdlr')
  const handlerAt = (header?.start ?? file.length) + HANDLER_OFFSET
  return { box, handlerAt, handler: file.toString('latin1', handlerAt, handlerAt + 4) }
}

const AUXILIARY_TYPE_AT = 4

/**
 * Whether an auxiliary track holds alpha, and not depth for example, according to the type in its
 * sample entry (AuxiliaryTypeInfoBox, ISO/IEC 23008-12). A track without a type holds alpha.
 */
function isAlpha(file: Buffer, track: IsoBox): boolean {
  const entry = sampleEntry(file, track)
  const [type] = entry === undefined ? [] : inside(file, entry, 'auxi')
  if (type === undefined) return true
  const [name = ''] = file.toString('latin1', type.start + AUXILIARY_TYPE_AT, type.end).split('\0', 1)
  return ALPHA_TYPES.has(name)
}

/**
 * Whether a track declares that its colours are premultiplied by the alpha of another one (reference
 * `prem`, ISO/IEC 23000-22, section 7.3.5.2).
 */
function isPremultipliedBy(file: Buffer, colour: IsoBox, alpha: IsoBox): boolean {
  const [reference] = inside(file, colour, 'tref', 'prem')
  const [header] = inside(file, alpha, 'tkhd')
  if (reference === undefined || header === undefined) return false
  return word(file, reference, 0) === word(file, header, file[header.start] === 1 ? 20 : 12)
}

const MATRIX_BYTES = 36
const FIXED_POINT = 65_536

/**
 * The part of a track's matrix that rotates and mirrors: where a step to the right goes, and where a step
 * down goes.
 */
interface Orientation {
  readonly right: readonly [x: number, y: number]
  readonly down: readonly [x: number, y: number]
}

const ANTICLOCKWISE: readonly Orientation[] = [
  { right: [1, 0], down: [0, 1] },
  { right: [0, -1], down: [1, 0] },
  { right: [-1, 0], down: [0, -1] },
  { right: [0, 1], down: [-1, 0] },
]

/**
 * Returns the rotation and mirroring that the sample entry of a track declares, as the properties of a still
 * do (ISO/IEC 23008-12, section 7.2.3). Undefined when it declares neither, or when the track has a matrix.
 */
function orientationOf(file: Buffer, track: IsoBox): Orientation | undefined {
  const header = matrixIn(file, track)
  if (header === undefined || word(file, header, 0) !== FIXED_POINT) return undefined
  const described = sampleEntry(file, track)
  if (described === undefined) return undefined
  const [rotation] = inside(file, described, 'irot')
  const [mirrored] = inside(file, described, 'imir')
  if (rotation === undefined && mirrored === undefined) return undefined
  const orientation = ANTICLOCKWISE[rotation === undefined ? 0 : (file[rotation.start] ?? 0) & 3]
  if (orientation === undefined || mirrored === undefined) return orientation
  const isUpright = ((file[mirrored.start] ?? 0) & 1) === 0
  const mirror = ([x, y]: readonly [number, number]) => (isUpright ? ([x, -y] as const) : ([-x, y] as const))
  return { right: mirror(orientation.right), down: mirror(orientation.down) }
}

/** The bytes of a visual sample entry before its child boxes (ISO/IEC 14496-12, section 12.1.3). */
const VISUAL_ENTRY_BYTES = 78

/** Returns the child boxes of the first sample entry of a track. */
function sampleEntry(file: Buffer, track: IsoBox): ByteSpan | undefined {
  const [table] = inside(file, track, 'mdia', 'minf', 'stbl', 'stsd')
  const [entry] = table === undefined ? [] : boxesIn(file, { start: table.start + 8, end: table.end })
  return entry && { start: entry.start + VISUAL_ENTRY_BYTES, end: entry.end }
}

function writeOrientation(file: Buffer, track: IsoBox, { right, down }: Orientation): void {
  const matrix = matrixIn(file, track)
  if (matrix === undefined) return
  const [a, b, c, d] = [...right, ...down]
  for (const [at, value] of [a, b, 0, c, d].entries())
    file.writeInt32BE((value ?? 0) * FIXED_POINT, matrix.start + 4 * at)
}

/**
 * Returns the part of the track header (`tkhd`) that starts with the transformation matrix, followed by the
 * size before that transformation.
 */
function matrixIn(file: Buffer, track: IsoBox): ByteSpan | undefined {
  const [header] = inside(file, track, 'tkhd')
  if (header === undefined) return undefined
  const start = header.start + (file[header.start] === 1 ? 52 : 40)
  return start + MATRIX_BYTES + 8 <= header.end ? { start, end: header.end } : undefined
}

function sizeOf(file: Buffer, track: IsoBox, orientation: Orientation | undefined): Size {
  const header = matrixIn(file, track)
  if (header === undefined) return { width: 0, height: 0 }
  const width = Math.round(word(file, header, MATRIX_BYTES) / FIXED_POINT)
  const height = Math.round(word(file, header, MATRIX_BYTES + 4) / FIXED_POINT)
  const isSideways =
    orientation === undefined
      ? word(file, header, 0) === 0 && word(file, header, 4) !== 0
      : orientation.right[0] === 0
  return isSideways ? { width: height, height: width } : { width, height }
}

interface DurationRun {
  readonly frames: number
  /** The duration of each frame, not rounded. */
  readonly milliseconds: number
}

/** Returns the runs of frames of equal duration, in order (`stts`, in the units of `mdhd`). */
function durationRuns(file: Buffer, track: IsoBox): readonly DurationRun[] {
  const [header] = inside(file, track, 'mdia', 'mdhd')
  const [table] = inside(file, track, 'mdia', 'minf', 'stbl', 'stts')
  if (header === undefined || table === undefined) return []
  const unitsPerSecond = word(file, header, file[header.start] === 1 ? 20 : 12)
  const runs = []
  for (let run = 0; run < Math.min(word(file, table, 4), MAX_RUNS); run += 1) {
    const [frames, units] = [word(file, table, 8 + run * 8), word(file, table, 12 + run * 8)]
    runs.push({ frames, milliseconds: (units * 1000) / Math.max(1, unitsPerSecond) })
  }
  return runs
}

function delaysOf(runs: readonly DurationRun[], maxFrames: number): number[] {
  const delays: number[] = []
  const round = createDelayRounding()
  for (const { frames, milliseconds } of runs) {
    if (delays.length >= maxFrames) break
    for (let left = Math.min(frames, maxFrames - delays.length); left > 0; left -= 1)
      delays.push(round(milliseconds))
  }
  return delays
}

const INFINITE_LOOP = 0
const REPEATED_FLAG = 1

/**
 * Returns how often the sequence plays, according to the edit list of its track (AV1 Image File Format,
 * section 6.1). 0 means without end, which is also how browsers play it without an edit list.
 */
function loopOf(file: Buffer, track: IsoBox): number {
  const [header] = inside(file, track, 'tkhd')
  const [list] = inside(file, track, 'edts', 'elst')
  if (header === undefined || list === undefined) return INFINITE_LOOP
  if ((word(file, list, 0) & REPEATED_FLAG) === 0) return 1
  const large = file[header.start] === 1
  const [high, low] = large ? [word(file, header, 28), word(file, header, 32)] : [0, word(file, header, 20)]
  const once = file[list.start] === 1 ? word(file, list, 12) : word(file, list, 8)
  const endless = low === 0xffff_ffff && (!large || high === 0xffff_ffff)
  if (endless || once === 0) return INFINITE_LOOP
  return Math.min(0xffff, Math.max(1, Math.ceil((high * 2 ** 32 + low) / once)))
}

/** Returns the four bytes at an offset of a box as a number, or 0 past its end. */
function word(file: Buffer, { start, end }: ByteSpan, offset: number): number {
  return start + offset + 4 <= end ? file.readUInt32BE(start + offset) : 0
}
