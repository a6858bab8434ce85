/** The units of H.264 and HEVC frames as containers hold them, behind their lengths, and the parameter sets beside them. */

import type { VideoInfo } from './container.ts'

export interface Parameters {
  readonly sets: readonly Uint8Array[]
  /** How long the length before each unit is. */
  readonly lengthBytes: number
}

/** What a decoder configuration says; undefined where it is broken. */
export function parameterSets(codec: 'h264' | 'hevc', record: Uint8Array): Parameters | undefined {
  return codec === 'h264' ? avcParameters(record) : hevcParameters(record)
}

/** Tells whether a frame makes the decoder forget what came before. */
export function isIdr(
  codec: 'h264' | 'hevc',
  frame: Uint8Array,
  description: Uint8Array | undefined,
): boolean {
  const parameters = description === undefined ? undefined : parameterSets(codec, description)
  const units = parameters === undefined ? undefined : nalUnits(frame, parameters.lengthBytes)
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
  const slices = units?.filter(([header = 0]) => (header & 0x1f) <= 5) ?? []
  // nal_ref_idc, in the bits above the type (ISO/IEC 14496-10, section 7.4.1).
  return slices.length > 0 && slices.every(([header = 0]) => (header & 0x60) === 0)
}

function isAvcIdr(header: number): boolean {
  return (header & 0x1f) === 5
}

/** BLA and IDR pictures: types 16 to 20. */
function isHevcIdr(header: number): boolean {
  const type = (header >> 1) & 0x3f
  return type >= 16 && type <= 20
}

/**
 * The units of a length-prefixed frame; undefined where a length leads out of it. Writers put several units behind one
 * length, with start codes between them, which a unit itself never holds.
 */
export function nalUnits(frame: Uint8Array, lengthBytes: number): readonly Uint8Array[] | undefined {
  const units: Uint8Array[] = []
  let at = 0
  while (at + lengthBytes <= frame.length) {
    let length = 0
    for (let index = 0; index < lengthBytes; index += 1) length = length * 256 + (frame[at + index] ?? 0)
    at += lengthBytes
    if (at + length > frame.length) return undefined
    for (const unit of betweenStartCodes(frame.subarray(at, at + length))) units.push(unit)
    at += length
  }
  return units.length === 0 ? undefined : units
}

const SHORT_START_CODE = Buffer.of(0, 0, 1)

function* betweenStartCodes(bytes: Uint8Array): Generator<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < buffer.length; ) {
    const next = buffer.indexOf(SHORT_START_CODE, at)
    const end = next === -1 ? buffer.length : next
    if (end > at) yield bytes.subarray(at, end)
    at = next === -1 ? end : next + SHORT_START_CODE.length
  }
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

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
