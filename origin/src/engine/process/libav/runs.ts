/**
 * Coded frames in, upright RGB pixels out. Each group of pictures is decoded once, whatever number of its frames
 * is wanted, and frames that nothing leans on are left out on the way.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame as NativeFrame } from 'node-av/lib'
import type { VideoCodec } from '../container/codecs.ts'
import type { CodedFrame, PacketRun, VideoInfo } from '../container/container.ts'
import type { Frame } from '../container/video-decoder.ts'
import type { Size } from '../image/plan.ts'
import { decoderOf } from './codec-names.ts'
import { type Decoder, MICROSECONDS, openDecoder } from './decoder.ts'
import type { Libav } from './load.ts'
import { createPainter, type Painter } from './painter.ts'

export interface DecodeRunsOptions {
  readonly video: VideoInfo
  /** Size of the result, upright. */
  readonly size: Size
  /** Largest frame that is decoded, in pixels: a bitstream may declare another size than its container. */
  readonly maxPixels: number
}

/**
 * Decodes the wanted frame of each run: the one whose time the run names, or the last one before it where the
 * stream has none of that time. One result a run, in their order. A result fails with `undecodable` where
 * nothing of its group decodes, or where the codec cannot be decoded without its container.
 */
export function decodeRuns(
  libav: Libav,
  runs: readonly PacketRun[],
  options: DecodeRunsOptions,
): readonly (Frame | Failure)[] {
  const { video, maxPixels } = options
  if (!isSelfContained(video.codec)) {
    return runs.map(() => fail('undecodable', `${video.codec} needs its container`))
  }
  const codec = decoderOf(libav, video.codec)
  if (codec === undefined) return runs.map(() => fail('undecodable', `no decoder of ${video.codec}`))
  const description = runs[0]?.description
  const decoder = openDecoder(libav, { codec, description, maxPixels })
  if (isFailure(decoder)) return runs.map(() => decoder)
  using colour = decoder
  const alphaDecoder = video.hasAlpha ? openDecoder(libav, { codec, maxPixels }) : undefined
  if (isFailure(alphaDecoder)) return runs.map(() => alphaDecoder)
  using alpha = alphaDecoder
  using painter = createPainter(libav, options)
  const results: (Frame | Failure)[] = runs.map(() => fail('undecodable', 'no frame'))
  for (const { packets, members } of groupsOf(runs)) {
    const wanted = new Set(members.map(({ run }) => run.timestampSeconds))
    const pictures = decodeGroup(libav, { colour, alpha, painter, packets, wanted })
    for (const { run, index } of members) {
      const picture = pictures.get(run.timestampSeconds)
      if (picture !== undefined) results[index] = picture
    }
  }
  return results
}

/** Codecs whose frames say all that their decoder has to know, but for the description that comes with them. */
const SELF_CONTAINED: ReadonlySet<string> = new Set(['h264', 'hevc', 'vp8', 'vp9', 'av1', 'prores', 'mjpeg'])

function isSelfContained(codec: VideoInfo['codec']): codec is VideoCodec {
  return codec !== undefined && SELF_CONTAINED.has(codec)
}

interface Group {
  /** Of the longest run from one key frame; the shorter ones are its beginning. */
  readonly packets: readonly CodedFrame[]
  readonly members: readonly { readonly run: PacketRun; readonly index: number }[]
}

/** Runs by their key frame, which is the first one in any order. */
function groupsOf(runs: readonly PacketRun[]): readonly Group[] {
  const indexed = runs.map((run, index) => ({ run, index }))
  const byKey = Map.groupBy(indexed, ({ run }) => run.packets[0]?.timestampSeconds)
  return [...byKey.values()].map((members) => {
    const longest = members.reduce((a, b) => (b.run.packets.length > a.run.packets.length ? b : a))
    return { packets: longest.run.packets, members }
  })
}

interface GroupWork {
  readonly colour: Decoder
  readonly alpha: Decoder | undefined
  readonly painter: Painter
  readonly packets: readonly CodedFrame[]
  /** Times of the frames that are wanted, in seconds. */
  readonly wanted: ReadonlySet<number>
}

/** Pictures by the time they were wanted for. */
function decodeGroup(libav: Libav, { colour, alpha, painter, packets, wanted }: GroupWork) {
  using colours = pick(libav, colour, { packets, wanted, dataOf: ({ data }) => data })
  const found = new Map<number, Frame | Failure>()
  const alphas =
    alpha !== undefined && packets.every((packet) => packet.alpha !== undefined) ? alpha : undefined
  using masks = alphas && pick(libav, alphas, { packets, wanted, dataOf: (packet) => packet.alpha })
  for (const [time, native] of colours.pictures) {
    const pixels = painter.paint(native, masks?.pictures.get(time))
    found.set(time, isFailure(pixels) ? pixels : { ...pixels, timestampSeconds: shownAt(native) })
  }
  return found
}

interface PickOptions {
  readonly packets: readonly CodedFrame[]
  readonly wanted: ReadonlySet<number>
  readonly dataOf: (packet: CodedFrame) => Uint8Array | undefined
}

/** Decodes a group up to its last wanted frame and keeps those that are wanted, undrawn. */
function pick(libav: Libav, decoder: Decoder, { packets, wanted, dataOf }: PickOptions) {
  const open = [...wanted].sort((a, b) => a - b)
  const pictures = new Map<number, NativeFrame>()
  let shown: NativeFrame | undefined
  const onPicture = (picture: NativeFrame) => {
    const next = picture.clone()
    if (next === null) return
    const time = shownAt(next)
    // A picture that is shown later ends the wait for those that nothing was decoded for.
    while (open[0] !== undefined && ticks(open[0]) < ticks(time)) keep(pictures, open.shift(), shown ?? next)
    if (open[0] !== undefined && ticks(open[0]) === ticks(time)) keep(pictures, open.shift(), next)
    shown?.free()
    shown = next
  }
  using packet = new libav.library.Packet()
  for (const coded of packets) {
    if (open.length === 0) break
    packet.alloc()
    packet.data = Buffer.from(dataOf(coded) ?? [])
    packet.pts = BigInt(ticks(coded.timestampSeconds))
    decoder.skipUnreferenced(!wanted.has(coded.timestampSeconds))
    decoder.decode(packet, onPicture)
  }
  if (open.length > 0) decoder.drain(onPicture)
  for (const time of open) if (shown !== undefined) keep(pictures, time, shown)
  decoder.restart()
  return {
    pictures,
    [Symbol.dispose]() {
      shown?.free()
      for (const picture of pictures.values()) picture.free()
    },
  }
}

function keep(pictures: Map<number, NativeFrame>, time: number | undefined, picture: NativeFrame): void {
  const kept = picture.clone()
  if (time !== undefined && kept !== null) pictures.set(time, kept)
}

function ticks(seconds: number): number {
  return Math.round(seconds * MICROSECONDS)
}

function shownAt({ pts }: NativeFrame): number {
  return Math.max(0, Number(pts) / MICROSECONDS)
}
