/**
 * How long a chained Ogg file plays: several streams of sound one behind the other (RFC 3533, section 4), of which libav tells
 * how long the last one is.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'

export interface OggBytes {
  readonly sizeBytes: number
  /** The bytes from `start` up to `end`, or more of them; both lie inside the file. */
  read(start: number, end: number): Uint8Array | Failure
}

/**
 * Whether a file may be chained: its last page belongs to another stream than its first. Links have serial numbers of their
 * own, so that the ends of a file tell, in two reads.
 */
export function mayBeChained(file: OggBytes): boolean {
  const first = readPage(file, 0)
  if (first === undefined) return false
  const start = Math.max(0, file.sizeBytes - MOST_PAGE_BYTES)
  const bytes = file.read(start, file.sizeBytes)
  if (isFailure(bytes)) return false
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset, file.sizeBytes - start)
  const at = tail.lastIndexOf('OggS', undefined, 'latin1')
  if (at < 0 || at + HEADER_BYTES > tail.length) return false
  return tail.readUInt32LE(at + SERIAL_AT) !== first.serial
}

/** Seconds of all links; undefined of a file of one, of several streams side by side, and of what is no Ogg throughout. */
export function chainedSeconds(source: OggBytes): number | undefined {
  const file = windowOn(source)
  let links = 0
  let seconds = 0
  let clock: Clock | undefined
  let lastGranule = 0n
  let isBeginning = false
  const endLink = () => {
    if (clock !== undefined) seconds += Math.max(0, Number(lastGranule) - clock.skipped) / clock.hertz
  }
  for (let at = 0; at < file.sizeBytes; ) {
    const page = readPage(file, at)
    if (page === undefined) return undefined
    if (page.begins) {
      if (isBeginning) return undefined
      endLink()
      links += 1
      lastGranule = 0n
      clock = clockOf(page.payload)
      if (clock === undefined) return undefined
    } else if (page.granule > lastGranule) lastGranule = page.granule
    isBeginning = page.begins
    at = page.end
  }
  endLink()
  return links > 1 ? seconds : undefined
}

/** Reads so many bytes at once: each read is a trip to the server and back, and a page is some kilobytes. */
const WINDOW_BYTES = 512 * 1024

/** The same bytes, for whoever goes through them from the first to the last. */
function windowOn({ sizeBytes, read }: OggBytes): OggBytes {
  let windowStart = 0
  let window: Uint8Array = new Uint8Array(0)
  return {
    sizeBytes,
    read(start, end) {
      if (start < windowStart || end > windowStart + window.length) {
        const bytes = read(start, Math.min(sizeBytes, Math.max(end, start + WINDOW_BYTES)))
        if (isFailure(bytes)) return bytes
        window = bytes
        windowStart = start
      }
      return window.subarray(start - windowStart, end - windowStart)
    },
  }
}

interface Page {
  /** It is the first of its stream. */
  readonly begins: boolean
  /** The number of its stream. */
  readonly serial: number
  /** Samples up to its end; -1 where none ends in it. */
  readonly granule: bigint
  /** Of a first page. */
  readonly payload: Buffer
  readonly end: number
}

const HEADER_BYTES = 27
const MOST_SEGMENTS = 255
const MOST_PAGE_BYTES = HEADER_BYTES + MOST_SEGMENTS + MOST_SEGMENTS * 255
const SERIAL_AT = 14
const BEGINNING_OF_STREAM = 2
/** More than any first page tells of its clock. */
const PAYLOAD_BYTES = 64

function readPage(file: OggBytes, at: number): Page | undefined {
  const most = Math.min(file.sizeBytes, at + HEADER_BYTES + MOST_SEGMENTS + PAYLOAD_BYTES)
  const bytes = file.read(at, most)
  if (isFailure(bytes) || bytes.length < HEADER_BYTES) return undefined
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, most - at)
  if (head.toString('latin1', 0, 4) !== 'OggS') return undefined
  const start = HEADER_BYTES + (head[26] ?? 0)
  const payloadBytes = head.subarray(HEADER_BYTES, start).reduce((sum, segment) => sum + segment, 0)
  return {
    begins: ((head[5] ?? 0) & BEGINNING_OF_STREAM) !== 0,
    serial: head.readUInt32LE(SERIAL_AT),
    granule: head.readBigInt64LE(6),
    payload: head.subarray(start, start + Math.min(payloadBytes, PAYLOAD_BYTES)),
    end: at + start + payloadBytes,
  }
}

/** What granules count. */
interface Clock {
  readonly hertz: number
  /** Samples at the start that are not played. */
  readonly skipped: number
}

function clockOf(payload: Buffer): Clock | undefined {
  if (payload.length < 16) return undefined
  if (payload.toString('latin1', 0, 8) === 'OpusHead')
    return { hertz: OPUS_HERTZ, skipped: payload.readUInt16LE(10) }
  if (payload.toString('latin1', 0, 7) !== '\x01vorbis') return undefined
  const hertz = payload.readUInt32LE(12)
  return hertz > 0 ? { hertz, skipped: 0 } : undefined
}

/** Whatever the sound had before (RFC 7845, section 4). */
const OPUS_HERTZ = 48_000
