/** Removes the data that applications store in H.264 packets, such as the place and the speed of a camera. */

/** The lowest type of NAL unit that the standard leaves to applications. Decoders ignore such units. */
const FIRST_UNSPECIFIED_TYPE = 24
const TYPE_MASK = 0x1f
const SEI_TYPE = 6
/** The messages that applications define (ITU-T H.264, sections D.1.5 and D.1.6). */
const REGISTERED_USER_DATA = 4
const USER_DATA = 5
/** The country and provider of the ATSC, whose messages are closed captions (CTA-708). */
const CAPTIONS = Buffer.from([0xb5, 0x00, 0x31])
/** Ends the payload of a NAL unit. */
const STOP_BYTE = 0x80
/** Stands between two zeros and a byte that would form a start code with them. */
const ESCAPE = 3

/**
 * Returns a packet of complete NAL units without data that applications have added. Dashboard cameras and
 * drones store the place and the speed there, for each frame. Captions are kept. Returns the packet itself
 * when nothing has to be removed.
 */
export function withoutUserData(packet: Buffer, lengthBytes: number): Buffer {
  const kept: Buffer[] = []
  let isChanged = false
  for (let at = 0; at + lengthBytes < packet.length; ) {
    const start = at + lengthBytes
    const end = start + packet.readUIntBE(at, lengthBytes)
    const unit = packet.subarray(start, end)
    const keptUnit = keptPartOf(unit)
    isChanged ||= keptUnit !== unit
    if (keptUnit !== undefined) kept.push(lengthOf(keptUnit, lengthBytes), keptUnit)
    at = end
  }
  return isChanged ? Buffer.concat(kept) : packet
}

function lengthOf(unit: Buffer, lengthBytes: number): Buffer {
  const length = Buffer.alloc(lengthBytes)
  length.writeUIntBE(unit.length, 0, lengthBytes)
  return length
}

/** Returns a NAL unit without user data, or the unit itself. Undefined when nothing is left of it. */
function keptPartOf(unit: Buffer): Buffer | undefined {
  const header = unit[0] ?? 0
  const type = header & TYPE_MASK
  if (type === 0 || type >= FIRST_UNSPECIFIED_TYPE) return undefined
  if (type !== SEI_TYPE) return unit
  const payload = unescaped(unit.subarray(1))
  const messages = [...messagesOf(payload)]
  const kept = messages.filter(({ isKept }) => isKept)
  if (kept.length === messages.length) return unit
  if (kept.length === 0) return undefined
  return Buffer.concat([
    Buffer.from([header]),
    escaped(Buffer.concat([...kept.map(({ bytes }) => bytes), Buffer.from([STOP_BYTE])])),
  ])
}

interface SeiMessage {
  /** The message with its type and its size. */
  readonly bytes: Buffer
  readonly isKept: boolean
}

/** Yields the messages of an SEI payload (ITU-T H.264, section 7.3.2.3.1). */
function* messagesOf(payload: Buffer): Generator<SeiMessage> {
  let at = 0
  // Each number is a sum of bytes, of which all but the last are 255.
  const readSum = () => {
    let sum = 0
    while (payload[at] === 0xff) {
      sum += 0xff
      at += 1
    }
    sum += payload[at] ?? 0
    at += 1
    return sum
  }
  while (at < payload.length && !(at === payload.length - 1 && payload[at] === STOP_BYTE)) {
    const start = at
    const type = readSum()
    const size = readSum()
    const data = payload.subarray(at, at + size)
    at += size
    const isPrivate =
      type === USER_DATA ||
      (type === REGISTERED_USER_DATA && !data.subarray(0, CAPTIONS.length).equals(CAPTIONS))
    // A message that exceeds its unit is damaged.
    yield { bytes: payload.subarray(start, at), isKept: !isPrivate && at < payload.length }
  }
}

/** Removes the bytes that keep a payload free of start codes (ITU-T H.264, section 7.4.1). */
function unescaped(payload: Buffer): Buffer {
  const bytes = Buffer.alloc(payload.length)
  let length = 0
  let zeros = 0
  for (const byte of payload) {
    const isEscape = zeros >= 2 && byte === ESCAPE
    if (!isEscape) {
      bytes[length] = byte
      length += 1
    }
    zeros = byte === 0 ? zeros + 1 : 0
  }
  return bytes.subarray(0, length)
}

/** Inserts the bytes that `unescaped` removes. */
function escaped(payload: Buffer): Buffer {
  // At most every third byte is inserted.
  const bytes = Buffer.alloc(Math.ceil(payload.length * 1.5))
  let length = 0
  let zeros = 0
  for (const byte of payload) {
    if (zeros >= 2 && byte <= ESCAPE) {
      bytes[length] = ESCAPE
      length += 1
      zeros = 0
    }
    bytes[length] = byte
    length += 1
    zeros = byte === 0 ? zeros + 1 : 0
  }
  return bytes.subarray(0, length)
}
