/** Computes the loudness of a recording over time, as players of voice messages draw it. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Frame, Stream } from 'node-av/lib'
import type { LibavFormat } from '../libav/formats.ts'
import { asFailure } from '../libav/libav-rejection.ts'
import type { Libav } from '../libav/load.ts'
import { openStreams } from '../libav/open.ts'
import type { SyncRanges } from '../libav/range-io.ts'
import { type AudioTrack, playedAudio } from '../libav/stream-info.ts'
import { seekToStart, startOf } from '../libav/stream-start.ts'
import { type AudioFilter, openAudioFilter } from './audio-filter.ts'
import { maxBytesRead } from './open-video.ts'
import { openAudioDecoder } from './read-video.ts'

/** The bytes of a waveform. Each is the peak of an equal part of the duration. */
const WAVEFORM_BYTES = 256
/** The number of samples per channel that one peak covers at first. */
const SAMPLES_PER_PEAK = 64
/**
 * The most peaks that are kept: ten minutes at 48 kHz at first, and 1024 per byte of the waveform when there
 * are more.
 */
const MAX_PEAKS = 2 ** 19
const LOUDEST = 255

/**
 * How late the audio may be before silence is inserted, in seconds. The timestamps of a decoder with a delay,
 * as of Vorbis, are late by up to one block.
 */
const MAX_LAG_SECONDS = 0.1
/** Demuxers of bare streams, whose timestamps are guesses. */
const UNTIMED: ReadonlySet<string> = new Set(['mp3', 'aac'])
/**
 * The demuxer of bare AAC. Its first frame is never a part of the recording: half of its transform precedes
 * the audio, and no header declares that, as the edit list of an M4A does.
 */
const BARE_AAC = 'aac'

/**
 * Returns the peaks of the audio that plays, 0..255, one for each 1/256 of the duration. Gaps are silent; in
 * a video this includes the time before and after the audio. Undefined when no audio plays. Fails with
 * `undecodable` or `unsupported-codec`, or as the source does.
 */
export function readWaveform(
  libav: Libav,
  source: SyncRanges,
  format: LibavFormat,
): Uint8Array | undefined | Failure {
  const opened = openStreams(libav, source, format)
  if (isFailure(opened)) return opened
  using file = opened
  const track = playedAudio(libav, file.tracks)
  if (track === undefined) return undefined
  file.bytes.allow(maxBytesRead(source.sizeBytes))
  const { stream } = track
  for (const other of file.context.streams)
    if (other.index !== stream.index) other.discard = libav.constants.AVDISCARD_ALL
  // In Ogg, seeking skips all links of a chain but one.
  if (!file.isAtStart) seekToStart({ ...file, stream }, libav)
  const peaks = createPeaks()
  const video = file.stream
  const shown = video ?? stream
  let start = Number(startOf({ ...file, stream: shown }, libav)) * (shown.timeBase.num / shown.timeBase.den)
  let isFirst = true
  const { durationSeconds = 0 } = file.info
  /** The duration of the samples and pauses so far. */
  let placedSeconds = 0
  let samplesInAll = 0
  const failed = asFailure(() =>
    decodeAudio(libav, file.context, track, {
      skipsFirst: file.demuxer.name === BARE_AAC,
      onSamples: peaks.add,
      onPiece(fileSeconds, seconds, hertz) {
        // Audio alone starts with its first sample that is played, after the pre-skip of Opus.
        if (isFirst && video === undefined && fileSeconds !== undefined)
          start = Math.max(start, Math.min(fileSeconds, start + paddingOf(stream)))
        isFirst = false
        const at =
          fileSeconds === undefined || UNTIMED.has(file.demuxer.name) ? placedSeconds : fileSeconds - start
        // Negative where timestamps go back, for example where recordings were joined.
        const gap = Math.min(at, durationSeconds) - placedSeconds
        if (gap > MAX_LAG_SECONDS) {
          peaks.pause(gap * hertz)
          placedSeconds += gap
        }
        placedSeconds += seconds
        samplesInAll = durationSeconds * hertz
      },
    }),
  )
  if (isFailure(failed)) return failed
  if (video !== undefined) peaks.end(samplesInAll)
  return file.bytes.failure ?? peaks.summary()
}

/** Returns how long the samples last that the encoder added before the audio, in seconds. */
function paddingOf({ codecpar: { initialPadding, sampleRate } }: Stream): number {
  return sampleRate > 0 ? initialPadding / sampleRate : 0
}

interface WaveformHandlers {
  /** Whether the first decoded frame is not a part of the audio. */
  readonly skipsFirst: boolean
  readonly onSamples: (samples: Float32Array, channels: number) => void
  /**
   * Called before the samples of a piece with its time in the file, if known, and its duration, both in
   * seconds.
   */
  readonly onPiece: (fileSeconds: number | undefined, seconds: number, hertz: number) => void
}

/** Decodes a track from the current position of its file, to interleaved 32-bit floats. */
function decodeAudio(
  libav: Libav,
  context: FormatContext,
  track: AudioTrack,
  { skipsFirst, onSamples, onPiece }: WaveformHandlers,
): Failure | undefined {
  const decoder = openAudioDecoder(libav, track)
  if (decoder === undefined) return fail('unsupported-codec', 'no decoder for the audio')
  using opened = decoder
  const { timeBase } = track.stream
  const unit = timeBase.num / timeBase.den
  let chain: AudioFilter | undefined
  let hertz = 0
  let isSkipped = !skipsFirst
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
    if (!isSkipped) {
      isSkipped = true
      return
    }
    hertz ||= samples.sampleRate
    const tick = samples.bestEffortTimestamp
    onPiece(
      tick === libav.constants.AV_NOPTS_VALUE ? undefined : Number(tick) * unit,
      samples.nbSamples / samples.sampleRate,
      hertz,
    )
    // With a constant rate, equal numbers of samples are equal times throughout.
    chain ??= openAudioFilter(libav, timeBase, [`aformat=sample_fmts=flt:sample_rates=${hertz}`])
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

/**
 * Collects the peaks of short stretches, because the total length is known only at the end. When there are
 * too many, pairs are merged and the stretches become twice as long: a file may declare any rate, and pauses
 * of any length.
 */
function createPeaks() {
  const peaks = new Uint8Array(MAX_PEAKS)
  let samplesPerPeak = SAMPLES_PER_PEAK
  let count = 0
  let loudest = 0
  let peakSamples = 0
  const keep = () => {
    peaks[count] = Math.min(LOUDEST, Math.round(loudest * LOUDEST))
    count += 1
    loudest = 0
    peakSamples = 0
    if (count === MAX_PEAKS) halve()
  }
  const halve = () => {
    samplesPerPeak *= 2
    count = MAX_PEAKS / 2
    for (let at = 0; at < count; at += 1) peaks[at] = Math.max(peaks[2 * at] ?? 0, peaks[2 * at + 1] ?? 0)
  }
  const addSilence = (samples: number) => {
    for (let left = Math.round(samples); left > 0; ) {
      const taken = Math.min(left, samplesPerPeak - peakSamples)
      peakSamples += taken
      left -= taken
      if (peakSamples === samplesPerPeak) keep()
    }
  }
  return {
    add(samples: Float32Array, channels: number): void {
      for (let at = 0; at < samples.length; at += 1) {
        loudest = Math.max(loudest, Math.abs(samples[at] ?? 0))
        if (at % channels === channels - 1 && ++peakSamples === samplesPerPeak) keep()
      }
    },
    /** Adds silence of this many samples. */
    pause: addSilence,
    /** Adds silence up to this total number of samples. */
    end(samples: number): void {
      addSilence(samples - count * samplesPerPeak - peakSamples)
    },
    summary(): Uint8Array | undefined {
      if (peakSamples > 0) keep()
      if (count === 0) return undefined
      return Uint8Array.from({ length: WAVEFORM_BYTES }, (_, part) => {
        const start = Math.floor((part * count) / WAVEFORM_BYTES)
        const end = Math.max(start + 1, Math.floor(((part + 1) * count) / WAVEFORM_BYTES))
        return peaks.subarray(start, end).reduce((max, peak) => Math.max(max, peak), 0)
      })
    },
  }
}
