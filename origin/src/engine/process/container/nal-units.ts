/**
 * Parses the NAL units of H.264 and HEVC frames in containers, where each is preceded by its length, and the
 * parameter sets stored outside the stream.
 */

import type { VideoInfo } from './container.ts'

export interface Parameters {
  readonly sets: readonly Uint8Array[]
  /** The number of bytes of the length before each unit. */
  readonly lengthBytes: number
}

/** Returns the parameter sets of a decoder configuration. Undefined when it is corrupt. */
export function parameterSets(codec: 'h264' | 'hevc', record: Uint8Array): Parameters | undefined {
  return codec === 'h264' ? avcParameters(record) : hevcParameters(record)
}

/** Whether a frame resets the decoder. */
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
 * Whether no other frame depends on this one, so that it can be skipped when it is not wanted. This
 * applies to a third of the frames of a usual H.264 video, and of its decoding time.
 */
export function isDisposable(
  codec: VideoInfo['codec'],
  frame: Uint8Array,
  description: Uint8Array | undefined,
): boolean {
  if (codec !== 'h264' || description === undefined) return false
  const units = nalUnits(frame, avcLengthBytes(description))
  const slices = units?.filter(([header = 0]) => (header & 0x1f) <= 5) ?? []
  // nal_ref_idc, in the bits above the type (ISO/IEC 14496-10, section 7.4.1).
  return slices.length > 0 && slices.every(([header = 0]) => (header & 0x60) === 0)
}

function isAvcIdr(header: number): boolean {
  return (header & 0x1f) === 5
}

/** Whether the unit is a BLA or IDR picture: types 16 to 20. */
function isHevcIdr(header: number): boolean {
  const type = (header >> 1) & 0x3f
  return type >= 16 && type <= 20
}

/**
 * Returns the units of a length-prefixed frame. Undefined when a length exceeds the frame. Some writers put
 * several units behind one length, separated by start codes, which never occur inside a unit.
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

/** Returns the number of bytes of the length before each unit (ISO/IEC 14496-15, section 5.3.3.1). */
export function avcLengthBytes(record: Uint8Array): number {
  return ((record[4] ?? 3) & 3) + 1
}

/** Parses an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1). */
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
  return { sets, lengthBytes: avcLengthBytes(record) }
}

/** Parses an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 8.3.3.1). */
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
