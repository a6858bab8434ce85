/** The sound of a film, cut to a span, in step with its pictures, and encoded. */

import type { Frame, IRational, Packet, Stream } from 'node-av/lib'
import type { Libav } from '../libav/load.ts'
import { AUDIO_ENCODINGS, CLIP_HERTZ, openAudioEncoder } from './audio-encoder.ts'
import { type Chain, openChain, soundSource } from './chain.ts'
import type { Encoder } from './encoder.ts'
import type { FilmClipOptions } from './film-clip.ts'
import type { MuxedStream } from './muxer.ts'
import type { Track } from './track.ts'

const UNIT: IRational = { num: 1, den: CLIP_HERTZ }
/** A decoded piece of sound may begin so long before the moment that it is needed for. */
const LEAD_SECONDS = 0.5

/** Opens the track; the caller disposes of it. */
export function openSoundTrack(libav: Libav, stream: Stream, options: FilmClipOptions): Track {
  return new EncodedSound(libav, stream, options)
}

class EncodedSound implements Track {
  readonly encoder: Encoder
  readonly #libav: Libav
  readonly #stream: Stream
  readonly #options: Pick<FilmClipOptions, 'format' | 'span'>
  #muxed: MuxedStream | undefined
  #chain: Chain | undefined
  #count = 0

  constructor(libav: Libav, stream: Stream, options: FilmClipOptions) {
    this.#libav = libav
    this.#stream = stream
    this.#options = options
    this.encoder = openAudioEncoder(libav, options.format)
  }

  get count(): number {
    return this.#count
  }

  begin(muxed: MuxedStream): void {
    this.#muxed = muxed
  }

  add(samples: Frame, seconds: number): boolean {
    const { startSeconds, endSeconds } = this.#options.span
    if (seconds >= endSeconds) return false
    if (seconds + LEAD_SECONDS < startSeconds || samples.sampleRate <= 0 || samples.nbSamples <= 0)
      return true
    this.#chain ??= openChain(this.#libav, {
      kind: 'sound',
      source: soundSource(samples, this.#stream.timeBase),
      filters: this.#filters(),
    })
    this.#chain.push(samples, this.#encode)
    return true
  }

  end(): void {
    this.#chain?.drain(this.#encode)
    this.encoder.drain(this.#write)
  }

  [Symbol.dispose](): void {
    this.#chain?.[Symbol.dispose]()
    this.encoder[Symbol.dispose]()
  }

  /** Silence is put where there is no sound, so that what follows is heard when it should be. */
  #filters(): readonly string[] {
    const { format, span } = this.#options
    const { frameSamples, samples } = AUDIO_ENCODINGS[format]
    return [
      `asetpts=PTS-${span.startSeconds}/TB`,
      `aresample=${CLIP_HERTZ}:async=1:first_pts=0`,
      `aformat=sample_fmts=${samples}:sample_rates=${CLIP_HERTZ}:channel_layouts=stereo`,
      `atrim=duration=${span.endSeconds - span.startSeconds}`,
      `asetnsamples=n=${frameSamples}:p=0`,
    ]
  }

  readonly #encode = (samples: Frame): void => {
    if (this.#chain === undefined) return
    const { num, den } = this.#chain.timeBase
    samples.pts = BigInt(Math.round(Number(samples.pts) * (num / den) * CLIP_HERTZ))
    this.#count += 1
    this.encoder.encode(samples, this.#write)
  }

  readonly #write = (packet: Packet): void => this.#muxed?.write(packet, UNIT)
}
