/**
 * Determines the duration of a chained Ogg file: several audio streams one after the other (RFC 3533, section
 * 4), of which libav reports only the duration of the last one.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SyncRanges } from './range-io.ts'

/**
 * Whether a file may be chained, which is the case when its last page belongs to another stream than
 * its first. Each link has its own serial number, so two reads at the ends of the file suffice.
 */
export function mayBeChained(file: SyncRanges): boolean {
  const first = readPage(file, 0)
  if (first === undefined) return false
  const tail = readTail(file)
  if (isFailure(tail)) return false
  const at = tail.lastIndexOf('OggS', undefined, 'latin1')
  if (at < 0 || at + HEADER_BYTES > tail.length) return false
  return tail.readUInt32LE(at + SERIAL_AT) !== first.serial
}

/**
 * Whether more bytes follow the last page than a page has, such as the zeros of a file that was allocated before
 * it was written. libav then finds no last page, and extrapolates the duration from the bit rate.
 */
export function endsWithoutPage(file: SyncRanges): boolean {
  const tail = readTail(file)
  return !isFailure(tail) && !tail.includes('OggS', 0, 'latin1')
}

/** Reads the part at the end of a file that contains the start of its last page. */
function readTail(file: SyncRanges): Buffer | Failure {
  const start = Math.max(0, file.sizeBytes - MAX_PAGE_BYTES)
  const bytes = file.read(start, file.sizeBytes)
  return isFailure(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, file.sizeBytes - start)
}

/**
 * Returns the duration of all links, in seconds. Undefined for a file with one link, for one with several
 * parallel streams, and when the file is not Ogg throughout.
 */
export function chainedSeconds(source: SyncRanges): number | undefined {
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

/** The bytes per read: each read is a round trip to the server, and a page is only some kilobytes. */
const WINDOW_BYTES = 512 * 1024

/** Wraps the bytes for sequential reading in large windows. */
function windowOn({ sizeBytes, read }: SyncRanges): SyncRanges {
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
  /** Whether it is the first page of its stream. */
  readonly begins: boolean
  /** The serial number of its stream. */
  readonly serial: number
  /**
   * The granule position: the number of samples up to the end of the page, or -1 when no packet ends on it.
   */
  readonly granule: bigint
  /** The start of the payload, which matters only for a first page. */
  readonly payload: Buffer
  readonly end: number
}

const HEADER_BYTES = 27
const MAX_SEGMENTS = 255
const MAX_PAGE_BYTES = HEADER_BYTES + MAX_SEGMENTS + MAX_SEGMENTS * 255
const SERIAL_AT = 14
const BEGINNING_OF_STREAM = 2
/** The bytes of the payload that are kept. More than any first page needs to declare its clock. */
const PAYLOAD_BYTES = 64

function readPage(file: SyncRanges, at: number): Page | undefined {
  const end = Math.min(file.sizeBytes, at + HEADER_BYTES + MAX_SEGMENTS + PAYLOAD_BYTES)
  const bytes = file.read(at, end)
  if (isFailure(bytes) || bytes.length < HEADER_BYTES) return undefined
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, end - at)
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

/** The clock of a stream: what its granule positions count. */
interface Clock {
  readonly hertz: number
  /** The number of samples at the start that are not played. */
  readonly skipped: number
}

function clockOf(payload: Buffer): Clock | undefined {
  if (payload.length < 16) return undefined
  if (payload.toString('latin1', 0, 8) === 'OpusHead')
    return { hertz: OPUS_HERTZ, skipped: payload.readUInt16LE(10) }
  const hertz = sampleRateOf(payload)
  return hertz > 0 ? { hertz, skipped: 0 } : undefined
}

/** Returns the sample rate of Vorbis or FLAC, in hertz. 0 when it is not declared. */
function sampleRateOf(payload: Buffer): number {
  if (payload.toString('latin1', 0, 7) === '\x01vorbis') return payload.readUInt32LE(12)
  const isFlac = payload.toString('latin1', 0, 5) === '\x7fFLAC' && payload.length >= FLAC_RATE_AT + 3
  return isFlac ? payload.readUIntBE(FLAC_RATE_AT, 3) >> 4 : 0
}

/**
 * The offset of the sample rate, in 20 bits: 9 bytes of the mapping (RFC 9639, section 10.1), the signature,
 * the header of the metadata block, and 10 bytes of the stream info.
 */
const FLAC_RATE_AT = 27

/** Opus always counts at this rate, whatever the original sample rate (RFC 7845, section 4). */
const OPUS_HERTZ = 48_000
