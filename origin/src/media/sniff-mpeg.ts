/** Detects MPEG streams without a signature, by packets and frames that follow each other. */

const SYNC = 0x47
const PACKET_BYTES = 188
/** Cameras write a timestamp of four bytes before each packet (Blu-ray's M2TS). */
const CLOCK_BYTES = 4
/**
 * Recordings of broadcasts may hold the Reed-Solomon code of each packet, or room for it (ETSI EN 300 421,
 * section 4.4.2).
 */
const PARITY_BYTES = 16
/** What surrounds each packet: the number of bytes before it and after it. */
const SURROUNDINGS = [
  { before: 0, after: 0 },
  { before: CLOCK_BYTES, after: 0 },
  { before: 0, after: PARITY_BYTES },
] as const
/** The number of consecutive packets that is required when a recording starts in the middle of a packet. */
const PACKETS_IN_A_ROW = 5

/** Whether bytes are a transport stream (ISO/IEC 13818-1, section 2.4.3). */
export function isTransportStream(bytes: Uint8Array): boolean {
  for (const { before, after } of SURROUNDINGS) {
    const step = before + PACKET_BYTES + after
    const whole = Math.floor((bytes.length - before - 1) / step) + 1
    if (whole >= 2 && packetsFrom(bytes, before, step) === whole) return true
    for (let start = 0; start < step; start += 1)
      if (packetsFrom(bytes, start, step) >= PACKETS_IN_A_ROW) return true
  }
  return false
}

/** Returns how many packets follow each other from an offset on. */
function packetsFrom(bytes: Uint8Array, start: number, step: number): number {
  let packets = 0
  while (bytes[start + packets * step] === SYNC) packets += 1
  return packets
}

/**
 * Whether bytes are a program stream, as on DVDs and from old cameras, which starts with its pack
 * header.
 */
export function isProgramStream(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && bytes[2] === 1 && bytes[3] === 0xba
}

const HEADER_BYTES = 4
/** The start of an ID3 tag, which precedes the frames. */
const TAG = Buffer.from('ID3', 'latin1')
/**
 * The bit rates of layer III in kilobits per second, by the four bits in the header, for MPEG 1 and for MPEG
 * 2 and 2.5.
 */
const RATES = [
  [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const
const HERTZ = [44_100, 48_000, 32_000] as const

/** The number of consecutive frames of the same kind that cannot occur by chance. */
const FRAMES_IN_A_ROW = 4

/**
 * Whether the bytes contain an MP3 that starts after the first byte. After zeros, a tag, two frames,
 * or one frame that fills the rest is enough. Elsewhere, as in a recording that was cut within a frame,
 * several frames have to follow each other.
 */
export function isLateMp3(bytes: Uint8Array): boolean {
  const start = bytes.findIndex((byte) => byte !== 0)
  if (start < 0) return false
  if (start > 0 && (TAG.every((byte, index) => bytes[start + index] === byte) || isTwoFrames(bytes, start)))
    return true
  for (let at = bytes.indexOf(SYNC_BYTE, start); at >= 0; at = bytes.indexOf(SYNC_BYTE, at + 1))
    if (framesFrom(bytes, at) >= FRAMES_IN_A_ROW) return true
  return false
}

const SYNC_BYTE = 0xff

function isTwoFrames(bytes: Uint8Array, start: number): boolean {
  const length = frameBytes(bytes, start)
  if (length === undefined) return false
  const next = start + length
  return next + HEADER_BYTES > bytes.length || frameBytes(bytes, next) !== undefined
}

/**
 * Returns how many frames of the same version, layer and sample rate follow each other, up to the required
 * number.
 */
function framesFrom(bytes: Uint8Array, start: number): number {
  let at = start
  for (let frames = 0; frames < FRAMES_IN_A_ROW; frames += 1) {
    const length = frameBytes(bytes, at)
    const isSame =
      ((bytes[at + 1] ?? 0) ^ (bytes[start + 1] ?? 0)) < 2 &&
      (((bytes[at + 2] ?? 0) ^ (bytes[start + 2] ?? 0)) & 0x0c) === 0
    if (length === undefined || !isSame) return frames
    at += length
  }
  return FRAMES_IN_A_ROW
}

/**
 * Returns the length of a layer III frame whose header is at an offset (ISO/IEC 11172-3, section 2.4.1.3).
 * Undefined when there is no valid header.
 */
function frameBytes(bytes: Uint8Array, at: number): number | undefined {
  const [sync = 0, version = 0, rate = 0] = bytes.subarray(at, at + HEADER_BYTES)
  if (sync !== 0xff || (version & 0xe6) !== 0xe2) return undefined
  const generation = (version >> 3) & 3
  const kilobits = RATES[generation === 3 ? 0 : 1][(rate >> 4) - 1]
  const hertz = HERTZ[(rate >> 2) & 3]
  if (generation === 1 || kilobits === undefined || hertz === undefined) return undefined
  const divided = hertz / ([4, 1, 2, 1][generation] ?? 1)
  const samples = generation === 3 ? 1152 : 576
  return Math.floor((samples / 8) * ((kilobits * 1000) / divided)) + ((rate >> 1) & 1)
}
