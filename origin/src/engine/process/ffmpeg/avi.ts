/**
 * Reads the header of an AVI, which the demuxer here does not support. Parsing it in this process costs no
 * child process, and not every installation has an ffprobe with reliable output.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type AudioCodec, audioCodecOfTag, videoCodecOf } from '../container/codecs.ts'
import type { ContainerInfo, VideoInfo } from '../container/container.ts'
import type { MediaSource } from '../source/media-source.ts'

/** The header list of an AVI is at its start. Indexes inside can make it long. */
const MAX_HEADER_BYTES = 1024 * 1024
const MAX_STREAMS = 64

/** Reads the header of an AVI. Fails with `undecodable`, or as the bytes do. */
export function readAviInfo(bytes: Pick<MediaSource, 'sizeBytes' | 'read'>): ContainerInfo | Failure {
  const head = bytes.read(0, Math.min(bytes.sizeBytes, MAX_HEADER_BYTES))
  if (isFailure(head)) return head
  const buffer = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  const streams = [...aviStreams(buffer)].slice(0, MAX_STREAMS)
  if (streams.length === 0) return fail('undecodable', 'an AVI without streams')
  const durations = streams.map(({ header }) => durationOf(header))
  const longest = Math.max(...durations)
  const video = streams.find(({ header }) => header.toString('latin1', 0, 4) === 'vids')
  return {
    durationSeconds: longest > 0 ? longest : undefined,
    video: video === undefined ? undefined : videoInfo(video),
    others: [],
    audio: streams.filter(({ header }) => header.toString('latin1', 0, 4) === 'auds').map(audioCodec),
  }
}

interface AviStream {
  /** AVIStreamHeader: type, handler, scale, rate, length. */
  readonly header: Buffer
  /** BITMAPINFOHEADER or WAVEFORMATEX. */
  readonly format: Buffer
}

const LIST_HEADER_BYTES = 12
const CHUNK_HEADER_BYTES = 8
const STREAM_HEADER_BYTES = 36

/** Iterates over RIFF 'AVI ' > LIST 'hdrl' > LIST 'strl' > 'strh', 'strf'. */
function* aviStreams(file: Buffer): Generator<AviStream> {
  for (const list of chunks(file, LIST_HEADER_BYTES)) {
    if (list.id !== 'LIST' || list.data.toString('latin1', 0, 4) !== 'hdrl') continue
    for (const stream of chunks(list.data, 4)) {
      if (stream.id !== 'LIST' || stream.data.toString('latin1', 0, 4) !== 'strl') continue
      const parts = new Map([...chunks(stream.data, 4)].map(({ id, data }) => [id, data]))
      const header = parts.get('strh')
      const format = parts.get('strf')
      if (header === undefined || format === undefined || header.length < STREAM_HEADER_BYTES) continue
      yield { header, format }
    }
    return
  }
}

function* chunks(buffer: Buffer, from: number): Generator<{ readonly id: string; readonly data: Buffer }> {
  let at = from
  while (at + CHUNK_HEADER_BYTES <= buffer.length) {
    const length = buffer.readUInt32LE(at + 4)
    const start = at + CHUNK_HEADER_BYTES
    yield { id: buffer.toString('latin1', at, at + 4), data: buffer.subarray(start, start + length) }
    at = start + length + (length % 2)
  }
}

function durationOf(header: Buffer): number {
  const scale = header.readUInt32LE(20)
  const rate = header.readUInt32LE(24)
  return scale > 0 && rate > 0 ? (header.readUInt32LE(32) * scale) / rate : 0
}

function videoInfo({ header, format }: AviStream): VideoInfo | undefined {
  if (format.length < 20) return undefined
  const width = format.readInt32LE(4)
  // A negative height means that the rows are stored from top to bottom.
  const height = Math.abs(format.readInt32LE(8))
  const codec =
    videoCodecOf(format.toString('latin1', 16, 20)) ?? videoCodecOf(header.toString('latin1', 4, 8))
  return {
    codec,
    codecName: format.toString('latin1', 16, 20),
    width,
    height,
    codedWidth: width,
    codedHeight: height,
    rotation: 0,
    mirrored: false,
    hasAlpha: false,
    colours: { matrix: undefined, transfer: undefined, primaries: undefined, fullRange: false },
  }
}

function audioCodec({ format }: AviStream): AudioCodec | undefined {
  return format.length < 16 ? undefined : audioCodecOfTag(format.readUInt16LE(0), format.readUInt16LE(14))
}
