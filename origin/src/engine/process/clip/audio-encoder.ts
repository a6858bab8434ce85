/** The audio encoders of clips: stereo at 48 kHz, which every player supports. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import { type Encoder, openEncoder } from '../libav/encoder.ts'
import type { Libav } from '../libav/load.ts'

/** The sample rate of the audio of clips. */
export const CLIP_HERTZ = 48_000

interface AudioEncoding {
  readonly encoder: string
  readonly bitsPerSecond: number
  /** The samples per channel that the encoder takes at once. */
  readonly frameSamples: number
  /** FFmpeg's name of the sample format that the encoder takes. */
  readonly samples: 'fltp' | 'flt'
}

export const AUDIO_ENCODINGS: Readonly<Record<ClipFormat, AudioEncoding>> = {
  mp4: { encoder: 'aac', bitsPerSecond: 128_000, frameSamples: 1024, samples: 'fltp' },
  webm: { encoder: 'libopus', bitsPerSecond: 96_000, frameSamples: 960, samples: 'flt' },
}

/** Opens the audio encoder of a format. The caller disposes of it. */
export function openAudioEncoder(libav: Libav, format: ClipFormat): Encoder {
  const { library, constants } = libav
  const { encoder, bitsPerSecond, samples } = AUDIO_ENCODINGS[format]
  return openEncoder(libav, encoder, (context) => {
    context.sampleRate = CLIP_HERTZ
    context.sampleFormat = samples === 'fltp' ? constants.AV_SAMPLE_FMT_FLTP : constants.AV_SAMPLE_FMT_FLT
    context.channelLayout = constants.AV_CHANNEL_LAYOUT_STEREO
    context.bitRate = BigInt(bitsPerSecond)
    context.timeBase = new library.Rational(1, CLIP_HERTZ)
  })
}
