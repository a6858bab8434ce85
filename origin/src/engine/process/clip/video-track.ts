/** The video track of a clip: frames cut to a span, filtered and encoded. */

import type { Frame, IRational, Packet, Stream } from 'node-av/lib'
import { coloursOf, mergeColours } from '../colours/colours.ts'
import { clipFilters } from '../container/filters.ts'
import { dropUnsupportedMatrix } from '../libav/declared-matrix.ts'
import type { Encoder } from '../libav/encoder.ts'
import { type FilterChain, openFilterChain, videoFilterSource } from '../libav/filter-chain.ts'
import type { Libav } from '../libav/load.ts'
import type { MuxedStream } from './muxer.ts'
import type { Track } from './track.ts'
import type { VideoClipOptions } from './video-clip-options.ts'
import { createDurations, openVideoEncoder } from './video-encoder.ts'

/** The time base of broadcasts, in which the frames of all usual rates have integer timestamps. */
const TICKS_PER_SECOND = 90_000
const UNIT: IRational = { num: 1, den: TICKS_PER_SECOND }

/** Opens the track. The caller disposes of it. */
export function openVideoTrack(libav: Libav, stream: Stream, options: VideoClipOptions): Track {
  return new EncodedVideo(libav, stream, options)
}

/**
 * Whether a clip keeps alpha. MP4 clips have none, and only sources of VP8 and VP9 in WebM or
 * Matroska have it.
 */
export function keepsAlpha({ format, video }: Pick<VideoClipOptions, 'format' | 'video'>): boolean {
  return format === 'webm' && video.hasAlpha
}

class EncodedVideo implements Track {
  readonly encoder: Encoder
  readonly #libav: Libav
  readonly #options: VideoClipOptions
  readonly #tickSeconds: number
  readonly #durations = createDurations()
  #muxed: MuxedStream | undefined
  #chain: FilterChain | undefined
  /**
   * The time of the chain's first frame, which its timestamps are relative to: a video may start with a gap
   * shorter than a frame.
   */
  #chainStart = 0
  /** The properties of the frames that the chain accepts. */
  #kind = ''
  #count = 0
  /** Whether a frame of the span was passed to the filters, whatever they have yielded. */
  #isFed = false
  #lastTick = -1n
  /** The last frame before the span, which is shown at its start. */
  #early: Frame | undefined
  /** The last frame of the span so far. Its duration is known when the next frame arrives. */
  #held: { readonly frame: Frame; readonly seconds: number } | undefined

  constructor(libav: Libav, stream: Stream, options: VideoClipOptions) {
    const { format, size, quality, frameRate, sourceRate } = options
    this.#libav = libav
    this.#options = options
    this.#tickSeconds = stream.timeBase.num / stream.timeBase.den
    this.encoder = openVideoEncoder(libav, {
      format,
      size,
      quality,
      hasAlpha: keepsAlpha(options),
      timeBase: UNIT,
      frameRate: frameRate ?? sourceRate,
      isAnimation: false,
    })
  }

  get count(): number {
    return this.#count
  }

  begin(muxed: MuxedStream): void {
    this.#muxed = muxed
  }

  add(frame: Frame, seconds: number): boolean {
    const { span, lastSeconds } = this.#options
    const { startSeconds } = span
    if (seconds >= lastSeconds) {
      // When no frame is shown before the end, the clip contains the next one.
      if (this.#held === undefined) this.#early ??= frame.clone() ?? undefined
      this.#release(lastSeconds - startSeconds)
      return false
    }
    if (seconds < startSeconds) {
      this.#early?.free()
      this.#early = frame.clone() ?? undefined
      return true
    }
    if (seconds > startSeconds) this.#showEarly()
    this.#early?.free()
    this.#early = undefined
    this.#hold(frame, seconds - startSeconds)
    return true
  }

  end(): void {
    // No frame changes within the span.
    if (this.#held === undefined && !this.#isFed) this.#showEarly()
    this.#release()
    this.#chain?.drain(this.#encode)
    this.encoder.drain(this.#write)
  }

  [Symbol.dispose](): void {
    this.#early?.free()
    this.#held?.frame.free()
    this.#chain?.[Symbol.dispose]()
    this.encoder[Symbol.dispose]()
  }

  #showEarly(): void {
    if (this.#early !== undefined) this.#hold(this.#early, 0)
  }

  #hold(frame: Frame, seconds: number): void {
    this.#release(seconds)
    const kept = frame.clone()
    if (kept !== null) this.#held = { frame: kept, seconds }
  }

  /** Passes the held frame on. It is shown until a second of the clip, or for its own duration. */
  #release(untilSeconds?: number): void {
    if (this.#held === undefined) return
    const { frame, seconds } = this.#held
    this.#held = undefined
    this.#feed(frame, seconds, untilSeconds)
    frame.free()
  }

  #feed(frame: Frame, seconds: number, untilSeconds = seconds): void {
    const ticks = Math.round(seconds * TICKS_PER_SECOND)
    const chain = this.#chainFor(frame, ticks)
    const { sourceRate, frameRate = sourceRate } = this.#options
    // Not all containers declare how long a frame is shown, and timestamps may go back.
    const ownSeconds =
      untilSeconds > seconds ? untilSeconds - seconds : Number(frame.duration) * this.#tickSeconds
    // The rate filter must not drop the only frame.
    const minSeconds = this.#count === 0 ? 1 / frameRate : 0
    const shownSeconds = Math.max(minSeconds, ownSeconds > 0 ? ownSeconds : 1 / sourceRate)
    const early = this.#options.frameRate === undefined ? 0 : ROUNDED_TICKS
    frame.pts = BigInt(ticks - this.#chainStart - early)
    frame.duration = BigInt(
      Math.max(1, Math.round(Math.min(shownSeconds, this.#secondsLeft(seconds)) * TICKS_PER_SECOND)),
    )
    chain.push(frame, this.#encode)
    this.#isFed = true
  }

  /**
   * Returns how long a frame at a second of the clip may be shown. A frame shown longer than the span lasts
   * to its end.
   */
  #secondsLeft(seconds: number): number {
    const { span, lastSeconds } = this.#options
    const at = span.startSeconds + seconds
    return (at < span.endSeconds ? span.endSeconds : lastSeconds) - at
  }

  #chainFor(frame: Frame, ticks: number): FilterChain {
    dropUnsupportedMatrix(this.#libav, frame)
    const { width, height, format, colorSpace, colorRange } = frame
    const kind = [width, height, format, colorSpace, colorRange].join(' ')
    if (this.#chain !== undefined && kind === this.#kind) return this.#chain
    this.#chain?.drain(this.#encode)
    this.#chain?.[Symbol.dispose]()
    this.#kind = kind
    this.#chainStart = ticks
    this.#chain = openFilterChain(this.#libav, {
      kind: 'video',
      source: `${videoFilterSource({ width, height, format }, TICKS_PER_SECOND)}:colorspace=${colorSpace}:range=${colorRange}`,
      filters: this.#filtersFor(frame),
    })
    return this.#chain
  }

  #filtersFor(frame: Frame): readonly string[] {
    const { video, size, frameRate, blur } = this.#options
    const isInterlaced = frame.hasFlags(this.#libav.constants.AV_FRAME_FLAG_INTERLACED)
    return [
      ...(isInterlaced ? ['bwdif=mode=send_frame:deint=interlaced'] : []),
      // Each output frame is the one that the video shows at that time.
      ...(frameRate === undefined ? [] : [`fps=${frameRate}:round=up`]),
      ...clipFilters({
        video: { ...video, colours: mergeColours(video.colours, coloursOf(frame)) },
        size,
        coded: frame,
        hasAlpha: keepsAlpha(this.#options),
      }),
      ...(blur === undefined ? [] : [`gblur=sigma=${blur}`]),
    ]
  }

  readonly #encode = (frame: Frame): void => {
    if (this.#chain === undefined) return
    const { num, den } = this.#chain.timeBase
    const scale = (num / den) * TICKS_PER_SECOND
    const tick = BigInt(Math.round(Number(frame.pts) * scale) + this.#chainStart)
    // Two frames with the same timestamp, or out of order, are never shown by players and not allowed in
    // files.
    if (tick <= this.#lastTick) return
    this.#lastTick = tick
    // At a low frame rate the last frame would last longer than the clip.
    const seconds = Number(tick) / TICKS_PER_SECOND
    const leftTicks = Math.max(1, Math.round(this.#secondsLeft(seconds) * TICKS_PER_SECOND))
    const duration = Math.min(Math.round(Number(frame.duration) * scale), leftTicks)
    this.#durations.set(tick, BigInt(duration))
    this.#count += 1
    frame.pts = tick
    // The encoder chooses the key frames itself.
    frame.pictType = this.#libav.constants.AV_PICTURE_TYPE_NONE
    this.encoder.encode(frame, this.#write)
  }

  readonly #write = (packet: Packet): void => {
    this.#durations.give(packet)
    this.#muxed?.write(packet, UNIT)
  }
}

/** The container's millisecond timestamps may be up to half a millisecond late. */
const ROUNDED_TICKS = TICKS_PER_SECOND / 1000
