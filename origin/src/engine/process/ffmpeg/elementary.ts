/**
 * Coded frames as an elementary stream: bare, without a container, so that FFmpeg sees neither file nor index.
 * H.264 and HEVC in Annex B; VP8, VP9 and AV1 in IVF.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { VideoCodec } from '../container/codecs.ts'
import type { PacketRun, VideoInfo } from '../container/container.ts'

/** A stream and the name of the FFmpeg demuxer that reads it. */
export interface ElementaryStream {
  readonly demuxer: 'h264' | 'hevc' | 'ivf'
  readonly chunks: readonly Uint8Array[]
}

/** Tells whether a codec has an elementary form that FFmpeg reads. */
export function hasElementaryForm(codec: VideoInfo['codec']): codec is ElementaryCodec {
  return codec !== undefined && ELEMENTARY_CODECS.has(codec)
}

type ElementaryCodec = Extract<VideoCodec, 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1'>
const ELEMENTARY_CODECS: ReadonlySet<string> = new Set(['h264', 'hevc', 'vp8', 'vp9', 'av1'])

/** Fails with `undecodable` where frames or parameter sets do not have the lengths they declare. */
export function elementaryStream(
  codec: ElementaryCodec,
  run: Pick<PacketRun, 'packets' | 'description'>,
  size: { readonly codedWidth: number; readonly codedHeight: number },
): ElementaryStream | Failure {
  const frames = run.packets.map(({ data }) => data)
  if (codec === 'h264' || codec === 'hevc') return annexB(codec, frames, run.description)
  return { demuxer: 'ivf', chunks: ivf(codec, frames, size) }
}

/** The alpha of VP8 and VP9, which is a stream of its own whose luma it is; undefined where a frame has none. */
export function alphaStream(
  codec: VideoInfo['codec'],
  run: Pick<PacketRun, 'packets' | 'description'>,
  size: { readonly codedWidth: number; readonly codedHeight: number },
): ElementaryStream | undefined {
  if (codec !== 'vp8' && codec !== 'vp9') return undefined
  const frames = run.packets.flatMap(({ alpha }) => (alpha === undefined ? [] : [alpha]))
  if (frames.length !== run.packets.length) return undefined
  return { demuxer: 'ivf', chunks: ivf(codec, frames, size) }
}

/**
 * Tells whether a run can follow another one in a stream: its key frame makes the decoder forget what came
 * before. A recovery point of H.264 and a clean random access picture of HEVC do so only at the start of a stream.
 */
export function startsAnew(codec: VideoInfo['codec'], { packets, description }: PacketRun): boolean {
  const key = packets[0]?.data
  if (key === undefined) return false
  if (codec !== 'h264' && codec !== 'hevc') return hasElementaryForm(codec)
  if (description === undefined) return false
  const parameters = codec === 'h264' ? avcParameters(description) : hevcParameters(description)
  const units = parameters === undefined ? undefined : nalUnits(key, parameters.lengthBytes)
  return units?.some(([first = 0]) => (codec === 'h264' ? isAvcIdr(first) : isHevcIdr(first))) ?? false
}

/**
 * Tells whether no other frame leans on this one, so that it can be left out where it is not wanted: a third of
 * the frames of a usual H.264 video, and of the time to get through them.
 */
export function isDisposable(
  codec: VideoInfo['codec'],
  frame: Uint8Array,
  description: Uint8Array | undefined,
): boolean {
  if (codec !== 'h264' || description === undefined) return false
  const units = nalUnits(frame, ((description[4] ?? 3) & 3) + 1)
  // nal_ref_idc, in the bits above the type (ISO/IEC 14496-10, section 7.4.1).
  return units?.every(([header = 0]) => (header & 0x1f) > 5 || (header & 0x60) === 0) ?? false
}

function isAvcIdr(header: number): boolean {
  return (header & 0x1f) === 5
}

/** BLA and IDR pictures: types 16 to 20. */
function isHevcIdr(header: number): boolean {
  const type = (header >> 1) & 0x3f
  return type >= 16 && type <= 20
}

const START_CODE = Uint8Array.of(0, 0, 0, 1)

function annexB(
  codec: 'h264' | 'hevc',
  frames: readonly Uint8Array[],
  description: Uint8Array | undefined,
): ElementaryStream | Failure {
  // Without a description the frames are Annex B already (WebCodecs' registry).
  if (description === undefined) return { demuxer: codec, chunks: frames }
  const parameters = codec === 'h264' ? avcParameters(description) : hevcParameters(description)
  if (parameters === undefined) return fail('undecodable', 'broken decoder configuration')
  const chunks = parameters.sets.flatMap((set) => [START_CODE, set])
  for (const frame of frames) {
    const units = nalUnits(frame, parameters.lengthBytes)
    if (units === undefined) return fail('undecodable', 'broken frame')
    for (const unit of units) chunks.push(START_CODE, unit)
  }
  return { demuxer: codec, chunks }
}

interface Parameters {
  readonly sets: readonly Uint8Array[]
  /** How long the length before each unit is. */
  readonly lengthBytes: number
}

/** AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1). */
function avcParameters(record: Uint8Array): Parameters | undefined {
  const sets: Uint8Array[] = []
  let at = 5
  for (const mask of [0x1f, 0xff]) {
    const count = (record[at] ?? 0) & mask
    at += 1
    for (let index = 0; index < count; index += 1) {
      const end = at + 2 + u16(record, at)
      if (end > record.length) return undefined
      sets.push(record.subarray(at + 2, end))
      at = end
    }
  }
  return { sets, lengthBytes: ((record[4] ?? 3) & 3) + 1 }
}

/** HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 8.3.3.1). */
function hevcParameters(record: Uint8Array): Parameters | undefined {
  const sets: Uint8Array[] = []
  const arrays = record[22] ?? 0
  let at = 23
  for (let array = 0; array < arrays; array += 1) {
    const count = u16(record, at + 1)
    at += 3
    for (let index = 0; index < count; index += 1) {
      const end = at + 2 + u16(record, at)
      if (end > record.length) return undefined
      sets.push(record.subarray(at + 2, end))
      at = end
    }
  }
  return { sets, lengthBytes: ((record[21] ?? 3) & 3) + 1 }
}

/** The units of a length-prefixed frame; undefined where a length leads out of it. */
function nalUnits(frame: Uint8Array, lengthBytes: number): readonly Uint8Array[] | undefined {
  const units: Uint8Array[] = []
  let at = 0
  while (at + lengthBytes <= frame.length) {
    let length = 0
    for (let index = 0; index < lengthBytes; index += 1) length = length * 256 + (frame[at + index] ?? 0)
    at += lengthBytes
    if (at + length > frame.length) return undefined
    if (length > 0) units.push(frame.subarray(at, at + length))
    at += length
  }
  return units.length === 0 ? undefined : units
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

const IVF_FOURCC = { vp8: 'VP80', vp9: 'VP90', av1: 'AV01' } as const
const IVF_HEADER_BYTES = 32
const IVF_FRAME_HEADER_BYTES = 12

/** IVF: a header with the codec, then each frame behind its length and its number. */
function ivf(
  codec: keyof typeof IVF_FOURCC,
  frames: readonly Uint8Array[],
  size: { readonly codedWidth: number; readonly codedHeight: number },
): readonly Uint8Array[] {
  const header = Buffer.alloc(IVF_HEADER_BYTES)
  header.write('DKIF', 0, 'latin1')
  header.writeUInt16LE(IVF_HEADER_BYTES, 6)
  header.write(IVF_FOURCC[codec], 8, 'latin1')
  header.writeUInt16LE(size.codedWidth & 0xffff, 12)
  header.writeUInt16LE(size.codedHeight & 0xffff, 14)
  header.writeUInt32LE(30, 16)
  header.writeUInt32LE(1, 20)
  header.writeUInt32LE(frames.length, 24)
  const chunks: Uint8Array[] = [header]
  frames.forEach((frame, index) => {
    const frameHeader = Buffer.alloc(IVF_FRAME_HEADER_BYTES)
    frameHeader.writeUInt32LE(frame.length, 0)
    frameHeader.writeUInt32LE(index, 4)
    chunks.push(frameHeader, frame)
  })
  return chunks
}
