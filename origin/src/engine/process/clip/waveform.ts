/** How loud a recording is over its time: what players of voice messages draw. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Frame } from 'node-av/lib'
import type { LibavFormat } from '../libav/formats.ts'
import type { Libav } from '../libav/load.ts'
import { openStreams } from '../libav/open.ts'
import type { RangeSource } from '../libav/range-io.ts'
import { playedAudio } from '../libav/stream-info.ts'
import { seekToStart } from '../libav/stream-start.ts'
import { openSound, type SoundTrack } from './film.ts'
import { mostBytesRead } from './open-film.ts'
import { orRefused } from './refused.ts'
import { openSoundChain, type SoundChain } from './sound-chain.ts'

/** Bytes of a waveform, each the peak of a part of the duration. */
const WAVEFORM_BYTES = 256
/** Samples of one channel for which one peak is kept: ten hours of 48 kHz are 27 MB of them. */
const SAMPLES_PER_PEAK = 64
/** Memory that is taken ahead, for ten minutes. */
const FIRST_PEAKS = (600 * 48_000) / SAMPLES_PER_PEAK
const LOUDEST = 255

/**
 * The peaks of the sound that plays, 0..255, of each 1/256 of what there is; undefined where nothing plays. Fails with
 * `undecodable` or `unsupported-codec`, or as the source does.
 */
export function readWaveform(
  libav: Libav,
  source: RangeSource,
  format: LibavFormat,
): Uint8Array | undefined | Failure {
  const opened = openStreams(libav, source, format)
  if (isFailure(opened)) return opened
  using file = opened
  const track = playedAudio(libav, file.context.streams)
  if (track === undefined) return undefined
  file.bytes.allow(mostBytesRead(source.sizeBytes))
  const { stream } = track
  for (const other of file.context.streams)
    if (other.index !== stream.index) other.discard = libav.constants.AVDISCARD_ALL
  seekToStart({ ...file, stream }, libav)
  const peaks = createPeaks()
  const failed = orRefused(() => playSound(libav, file.context, track, peaks.add))
  if (isFailure(failed)) return failed
  return file.bytes.failure ?? peaks.summary()
}

/** Decodes a track from where its file stands, as 32-bit numbers of all channels by turns. */
function playSound(
  libav: Libav,
  context: FormatContext,
  track: SoundTrack,
  onSamples: (samples: Float32Array, channels: number) => void,
): Failure | undefined {
  const decoder = openSound(libav, track)
  if (decoder === undefined) return fail('unsupported-codec', 'sound')
  using opened = decoder
  let chain: SoundChain | undefined
  const take = (floats: Frame) => {
    const bytes = floats.toBuffer()
    const { nbChannels } = floats.channelLayout
    const count = floats.nbSamples * nbChannels
    onSamples(
      new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 4 * count)),
      nbChannels,
    )
  }
  const convert = (samples: Frame) => {
    if (samples.sampleRate <= 0 || samples.nbSamples <= 0) return
    // Of one rate, so that as many samples are as much time from the start to the end.
    chain ??= openSoundChain(libav, track.stream.timeBase, [
      `aformat=sample_fmts=flt:sample_rates=${samples.sampleRate}`,
    ])
    chain.push(samples, take)
  }
  using packet = new libav.library.Packet()
  packet.alloc()
  try {
    while (context.readFrameSync(packet) >= 0) {
      if (packet.streamIndex === track.stream.index) opened.decode(packet, convert)
      packet.unref()
    }
    opened.drain(convert)
    chain?.drain(take)
  } finally {
    chain?.[Symbol.dispose]()
  }
  return undefined
}

/** Collects the peaks of short stretches, since how long the whole is is known only at its end. */
function createPeaks() {
  let peaks = new Uint8Array(FIRST_PEAKS)
  let count = 0
  let loudest = 0
  let heard = 0
  const keep = () => {
    if (count === peaks.length) {
      const larger = new Uint8Array(2 * peaks.length)
      larger.set(peaks)
      peaks = larger
    }
    peaks[count] = Math.min(LOUDEST, Math.round(loudest * LOUDEST))
    count += 1
    loudest = 0
    heard = 0
  }
  return {
    add(samples: Float32Array, channels: number): void {
      for (let at = 0; at < samples.length; at += 1) {
        loudest = Math.max(loudest, Math.abs(samples[at] ?? 0))
        if (at % channels === channels - 1 && ++heard === SAMPLES_PER_PEAK) keep()
      }
    },
    summary(): Uint8Array | undefined {
      if (heard > 0) keep()
      if (count === 0) return undefined
      return Uint8Array.from({ length: WAVEFORM_BYTES }, (_, part) => {
        const start = Math.floor((part * count) / WAVEFORM_BYTES)
        const end = Math.max(start + 1, Math.floor(((part + 1) * count) / WAVEFORM_BYTES))
        return peaks.subarray(start, end).reduce((most, peak) => Math.max(most, peak), 0)
      })
    },
  }
}
