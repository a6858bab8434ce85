/** The audio track of a clip: cut to a span, in sync with the video, and encoded. */

import type { Frame, IRational, Packet, Stream } from 'node-av/lib'
import type { Encoder } from '../libav/encoder.ts'
import { type FilterChain, openFilterChain } from '../libav/filter-chain.ts'
import type { Libav } from '../libav/load.ts'
import { AUDIO_ENCODINGS, CLIP_HERTZ, openAudioEncoder } from './audio-encoder.ts'
import { type AudioFilter, openAudioFilter } from './audio-filter.ts'
import type { MuxedStream } from './muxer.ts'
import type { Track } from './track.ts'
import type { VideoClipOptions } from './video-clip-options.ts'

const UNIT: IRational = { num: 1, den: CLIP_HERTZ }
/** How long before the moment it is needed for an audio frame may start, in seconds. */
const LEAD_SECONDS = 0.5
/** Gaps up to this are rounding of the container's timestamps, in seconds: Matroska has milliseconds. */
const MIN_GAP_SECONDS = 0.01

/** Opens the track. The caller disposes of it. */
export function openAudioTrack(libav: Libav, stream: Stream, options: VideoClipOptions): Track {
  return new EncodedAudio(libav, stream, options)
}

class EncodedAudio implements Track {
  readonly encoder: Encoder
  readonly #options: Pick<VideoClipOptions, 'format' | 'span' | 'lastSeconds'>
  /** Converts decoded audio to the layout, rate and format of the clip. */
  readonly #converter: AudioFilter
  readonly #cutter: FilterChain
  #muxed: MuxedStream | undefined
  #count = 0
  #isOver = false

  constructor(libav: Libav, stream: Stream, options: VideoClipOptions) {
    const { format, span, lastSeconds } = options
    const { frameSamples, samples } = AUDIO_ENCODINGS[format]
    this.#options = options
    using stack = new DisposableStack()
    this.encoder = stack.use(openAudioEncoder(libav, format))
    this.#converter = stack.use(
      openAudioFilter(libav, stream.timeBase, [
        `asetpts=PTS-${span.startSeconds}/TB`,
        `aformat=sample_fmts=${samples}:sample_rates=${CLIP_HERTZ}:channel_layouts=stereo`,
        `asettb=1/${CLIP_HERTZ}`,
      ]),
    )
    this.#cutter = stack.use(
      openFilterChain(libav, {
        kind: 'audio',
        source: `time_base=1/${CLIP_HERTZ}:sample_rate=${CLIP_HERTZ}:sample_fmt=${samples}:channel_layout=stereo`,
        filters: [
          // Fills gaps with silence, so that the audio after them stays in sync.
          `aresample=async=1:first_pts=0:min_hard_comp=${MIN_GAP_SECONDS}`,
          `aformat=sample_fmts=${samples}`,
          `atrim=duration=${lastSeconds - span.startSeconds}`,
          `asetnsamples=n=${frameSamples}:p=0`,
        ],
      }),
    )
    stack.move()
  }

  get count(): number {
    return this.#count
  }

  begin(muxed: MuxedStream): void {
    this.#muxed = muxed
  }

  add(samples: Frame, seconds: number): boolean {
    const { span, lastSeconds } = this.#options
    const { startSeconds } = span
    if (seconds >= lastSeconds) return false
    if (seconds + LEAD_SECONDS < startSeconds || samples.sampleRate <= 0 || samples.nbSamples <= 0)
      return true
    this.#converter.push(samples, this.#cut)
    return !this.#isOver
  }

  end(): void {
    this.#converter.drain(this.#cut)
    this.#cutter.drain(this.#encode)
    this.encoder.drain(this.#write)
  }

  [Symbol.dispose](): void {
    this.#cutter[Symbol.dispose]()
    this.#converter[Symbol.dispose]()
    this.encoder[Symbol.dispose]()
  }

  readonly #cut = (samples: Frame): void => {
    if (!this.#isOver) this.#isOver = !this.#cutter.push(samples, this.#encode)
  }

  readonly #encode = (samples: Frame): void => {
    const { num, den } = this.#cutter.timeBase
    samples.pts = BigInt(Math.round(Number(samples.pts) * (num / den) * CLIP_HERTZ))
    this.#count += 1
    this.encoder.encode(samples, this.#write)
  }

  readonly #write = (packet: Packet): void => this.#muxed?.write(packet, UNIT)
}
