/**
 * Determines when the last frame of a Matroska or WebM file ends that declares no duration, as browsers and
 * live encoders write them. Only the end of the file is read.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type Element, elements, numberIn } from '../../../media/ebml.ts'
import { MATROSKA_AUDIO, MATROSKA_VIDEO, matroskaTracks } from '../../../media/sniff-matroska.ts'
import type { SyncRanges } from './range-io.ts'

/**
 * The sizes of the parts at the end of a file that are searched for its last cluster, tried in order. The
 * timestamps of a cluster span at most 32 seconds (RFC 9559, section 10.2): 16 MiB is four megabits per second.
 */
const SEARCHED_BYTES = [256 * 1024, 2 * 1024 * 1024, 16 * 1024 * 1024] as const
/** The maximum number of bytes at the end of a file that are searched. */
export const MAX_MATROSKA_END_BYTES = SEARCHED_BYTES[2]

/**
 * The largest number of elements that are read at the end of a file. The bytes of a cluster's id may occur
 * anywhere, and a crafted file could make each of them the start of a long walk.
 */
const MAX_ELEMENTS = 500_000

/** The bytes at the start of a file that contain its tracks. */
const HEAD_BYTES = 64 * 1024

/**
 * Returns when the last frame of video or audio ends, in ticks of the file's timestamps. Undefined when none is
 * found near the end. If the file does not declare how long the last frame is, the distance from the frame
 * before it on its track is assumed, but at most `maxFrameTicks`: a screen recording may pause for minutes.
 */
export function lastFrameEnd(
  { sizeBytes, read }: SyncRanges,
  maxFrameTicks: number,
): number | Failure | undefined {
  const head = read(0, Math.min(HEAD_BYTES, sizeBytes))
  if (isFailure(head)) return head
  const played = matroskaTracks(head)?.filter(
    ({ type }) => type === MATROSKA_VIDEO || type === MATROSKA_AUDIO,
  )
  if (played === undefined) return undefined
  const options = { tracks: new Set(played.map(({ number }) => number)), maxFrameTicks, left: MAX_ELEMENTS }
  for (const byteCount of SEARCHED_BYTES) {
    const start = Math.max(0, sizeBytes - byteCount)
    const bytes = read(start, sizeBytes)
    if (isFailure(bytes)) return bytes
    const tail = Buffer.from(bytes.buffer, bytes.byteOffset, sizeBytes - start)
    const end = endOfLastCluster(tail, options)
    if (end !== undefined || start === 0) return end
  }
  return undefined
}

/** Element ids of Matroska (RFC 9559). */
const CLUSTER = 0x1f43b675
const CLUSTER_BYTES = Buffer.from([0x1f, 0x43, 0xb6, 0x75])
const TIMESTAMP = 0xe7
const SIMPLE_BLOCK = 0xa3
const BLOCK_GROUP = 0xa0
const BLOCK = 0xa1
const BLOCK_DURATION = 0x9b

interface LastFrameOptions {
  /** The numbers of the tracks whose frames count. */
  readonly tracks: ReadonlySet<number | undefined>
  readonly maxFrameTicks: number
  /** How many elements may still be read. */
  left: number
}

/** Returns the end of the last cluster that has frames. Undefined when there is none. */
function endOfLastCluster(tail: Buffer, options: LastFrameOptions): number | undefined {
  for (let at = tail.lastIndexOf(CLUSTER_BYTES); at >= 0; at = tail.lastIndexOf(CLUSTER_BYTES, at - 1)) {
    const [cluster] = elements(tail, at, tail.length)
    const end = cluster?.id === CLUSTER ? endOfCluster(tail, cluster, options) : undefined
    if (end !== undefined) return end
    if (at === 0 || options.left <= 0) break
  }
  return undefined
}

/** A frame, with times in ticks relative to its cluster. */
interface Frame {
  readonly track: number
  readonly start: number
  /** Undefined when the file does not declare it. */
  readonly duration: number | undefined
}

function endOfCluster(tail: Buffer, cluster: Element, options: LastFrameOptions): number | undefined {
  const { tracks, maxFrameTicks } = options
  let base: number | undefined
  const last = new Map<number, number>()
  let end: number | undefined
  for (const element of elements(tail, cluster.start, cluster.end)) {
    options.left -= 1
    if (options.left < 0) return undefined
    // The bytes of an id may occur in a frame. A cluster starts with its timestamp (RFC 9559, section 5.1.3.1).
    if (element.id === TIMESTAMP) base = numberIn(tail, element)
    // A cluster of unknown size ends where the next one starts.
    if (element.id === CLUSTER) break
    const frame = frameOf(tail, element)
    if (frame === undefined || !tracks.has(frame.track)) continue
    if (base === undefined) return undefined
    const { track, start } = frame
    const before = last.get(track)
    const assumed = before === undefined ? 0 : Math.min(maxFrameTicks, Math.max(0, start - before))
    end = Math.max(end ?? 0, base + start + (frame.duration ?? assumed))
    last.set(track, Math.max(before ?? start, start))
  }
  return end
}

/** Returns the frame of an element of a cluster. Undefined for any other element, and for an incomplete one. */
function frameOf(tail: Buffer, element: Element): Frame | undefined {
  if (element.end > tail.length) return undefined
  if (element.id === SIMPLE_BLOCK) return blockOf(tail, element, undefined)
  if (element.id !== BLOCK_GROUP) return undefined
  const parts = [...elements(tail, element.start, element.end)]
  const block = parts.find(({ id }) => id === BLOCK)
  const duration = parts.find(({ id }) => id === BLOCK_DURATION)
  return block && blockOf(tail, block, duration && numberIn(tail, duration))
}

/** A block starts with the number of its track and its time relative to the cluster (RFC 9559, section 10.1). */
function blockOf(tail: Buffer, { start, end }: Element, duration: number | undefined): Frame | undefined {
  const numberBytes = Math.clz32(tail[start] ?? 0) - 23
  const timeAt = start + numberBytes
  if (numberBytes > 8 || timeAt + 2 > end || end > tail.length) return undefined
  const marked = numberIn(tail, { start, end: timeAt })
  if (marked === undefined) return undefined
  // The marker bit of a number of n bytes is its bit 7n (RFC 8794, section 4).
  return { track: marked - 2 ** (7 * numberBytes), start: tail.readInt16BE(timeAt), duration }
}
