/** Checks the framing of H.264 packets (ISO/IEC 14496-15, section 5.3). */

const MIN_CONFIGURATION_BYTES = 7
const VERSION = 1

/**
 * Returns how many bytes the length of each NAL unit has, as the configuration of a track declares it
 * (`avcC`). Undefined for a byte stream (Annex B), whose NAL units have start codes instead.
 */
export function unitLengthBytes(configuration: Buffer | null): number | undefined {
  if (configuration === null || configuration.length < MIN_CONFIGURATION_BYTES) return undefined
  return configuration[0] === VERSION ? ((configuration[4] ?? 0) & 3) + 1 : undefined
}

/** Returns whether a packet consists of complete NAL units. Players stop at a packet that does not. */
export function hasWholeUnits(packet: Buffer, lengthBytes: number): boolean {
  let at = 0
  while (at + lengthBytes < packet.length) {
    const length = packet.readUIntBE(at, lengthBytes)
    if (length === 0) return false
    at += lengthBytes + length
  }
  return at === packet.length
}
