/** Checks the framing of H.264 packets (ISO/IEC 14496-15, section 5.3) and their parameter sets. */

import { avcLengthBytes } from '../container/nal-units.ts'

const MIN_CONFIGURATION_BYTES = 7
const VERSION = 1

/**
 * Returns how many bytes the length of each NAL unit has, as the configuration of a track declares it
 * (`avcC`). Undefined for a byte stream (Annex B), whose NAL units have start codes instead.
 */
export function unitLengthBytes(configuration: Buffer): number | undefined {
  if (configuration.length < MIN_CONFIGURATION_BYTES) return undefined
  return configuration[0] === VERSION ? avcLengthBytes(configuration) : undefined
}

/**
 * Whether a packet consists of complete NAL units, and declares no other frame size or profile than
 * the configuration of its track. Players stop at a packet that does not, or show garbage from it on. A
 * sequence parameter set that the configuration contains may be repeated.
 */
export function isPlayablePacket(packet: Buffer, lengthBytes: number, configuration: Buffer): boolean {
  let at = 0
  while (at + lengthBytes < packet.length) {
    const length = packet.readUIntBE(at, lengthBytes)
    if (length === 0) return false
    const start = at + lengthBytes
    at = start + length
    const isParameterSet = ((packet[start] ?? 0) & UNIT_TYPE_MASK) === SEQUENCE_PARAMETER_SET
    if (isParameterSet && !configuration.includes(packet.subarray(start, at))) return false
  }
  return at === packet.length
}

/** The types of NAL units (ITU-T H.264, table 7-1). */
const UNIT_TYPE_MASK = 0x1f
const SEQUENCE_PARAMETER_SET = 7
