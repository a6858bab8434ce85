/**
 * Maps libav's names of codecs to the accepted codecs, and these to the decoders that may be opened for them.
 */

import type { FFDecoderCodec } from 'node-av/constants'
import type { Codec } from 'node-av/lib'
import type { AudioCodec, VideoCodec } from '../container/codecs.ts'
import type { Libav } from './load.ts'

/** From this profile on ProRes is 4444, which no browser shows. */
const PRORES_4444_PROFILE = 4

export interface CodecDetails {
  readonly profile: number
  /** Whether chroma is not subsampled, which identifies ProRes 4444 whatever its declared name. */
  readonly fullChroma: boolean
}

/** Returns the accepted video codec for libav's codec name. Undefined when it is not accepted. */
export function acceptedVideoCodec(
  name: string | null,
  { profile, fullChroma }: CodecDetails,
): VideoCodec | undefined {
  const codec = VIDEO_NAMES.get(name ?? '')
  const rejected = codec === 'prores' && (fullChroma || profile >= PRORES_4444_PROFILE)
  return rejected ? undefined : codec
}

/** Returns the accepted audio codec for libav's codec name. Undefined when it is not accepted. */
export function acceptedAudioCodec(name: string | null): AudioCodec | undefined {
  return AUDIO_CODECS.find((codec) => codec === name)
}

/**
 * Returns the audio decoder for libav's codec name. It covers the accepted codecs, and other codecs that
 * videos contain and that a clip makes playable. Undefined for all others.
 */
export function audioDecoderOf(libav: Libav, codec: string): Codec | undefined {
  const isKnown = acceptedAudioCodec(codec) !== undefined || CONVERTIBLE_AUDIO.has(codec)
  return isKnown ? codecNamed(libav, AUDIO_DECODERS.get(codec) ?? codec) : undefined
}

/**
 * Returns the decoder for a codec. On request it is one that also decodes alpha stored alongside the frames,
 * which only VP8 and VP9 have.
 */
export function decoderOf(libav: Libav, codec: VideoCodec | 'flv1', alpha?: 'with alpha'): Codec | undefined {
  const name = (alpha === undefined ? undefined : ALPHA_DECODERS.get(codec)) ?? DECODER_NAMES[codec]
  return codecNamed(libav, name)
}

/** Returns a decoder by libav's name of it. Undefined when the build does not contain it. */
export function codecNamed({ library }: Libav, name: string): Codec | undefined {
  return library.Codec.findDecoderByName(name as FFDecoderCodec) ?? undefined
}

/** The decoders whose name differs from that of their codec. */
const AUDIO_DECODERS: ReadonlyMap<string, string> = new Map([
  ['mp3', 'mp3float'],
  ['mp2', 'mp2float'],
  ['dts', 'dca'],
  ['amr_nb', 'amrnb'],
  ['amr_wb', 'amrwb'],
])

/** Audio codecs of Windows Media, discs and broadcasts, phones, cameras and Flash. */
const CONVERTIBLE_AUDIO: ReadonlySet<string> = new Set([
  ...['wmav1', 'wmav2', 'wmapro', 'mp2', 'dts', 'truehd', 'aac_latm', 'amr_nb', 'amr_wb', 'qdm2'],
  ...['nellymoser', 'speex', 'adpcm_ms', 'adpcm_ima_wav', 'adpcm_ima_qt', 'adpcm_swf', 'adpcm_yamaha'],
  ...['pcm_mulaw', 'pcm_alaw', 'pcm_s8', 'pcm_s32le', 'pcm_s32be', 'pcm_f32be', 'pcm_f64le', 'pcm_f64be'],
  ...['pcm_bluray', 'pcm_dvd'],
])

/** The decoder for each codec. FFmpeg's own AV1 decoder only works with hardware. */
const DECODER_NAMES: Readonly<Record<VideoCodec | 'flv1', string>> = {
  h264: 'h264',
  hevc: 'hevc',
  vp8: 'vp8',
  vp9: 'vp9',
  av1: 'libdav1d',
  theora: 'theora',
  mpeg4: 'mpeg4',
  mpeg2video: 'mpeg2video',
  mpeg1video: 'mpeg1video',
  h263: 'h263',
  flv1: 'flv',
  prores: 'prores',
  mjpeg: 'mjpeg',
  wmv1: 'wmv1',
  wmv2: 'wmv2',
  wmv3: 'wmv3',
  vc1: 'vc1',
  msmpeg4v3: 'msmpeg4',
}

/** The decoders of these libraries read the alpha that Matroska stores alongside a frame. */
const ALPHA_DECODERS: ReadonlyMap<string, string> = new Map([
  ['vp8', 'libvpx'],
  ['vp9', 'libvpx-vp9'],
])

/**
 * Returns the decoders that may be opened, except those for the given codecs, as the comma-separated list
 * that libav expects.
 */
export function decoderWhitelist(without: readonly VideoCodec[] = []): string {
  const left = new Set(without.flatMap((codec) => [DECODER_NAMES[codec], ALPHA_DECODERS.get(codec)]))
  return [...Object.values(DECODER_NAMES), ...ALPHA_DECODERS.values()]
    .filter((name) => !left.has(name))
    .join(',')
}

/** Accepted codecs by libav's names. Flash videos labelled H.263 hold Sorenson's variant of it, `flv1`. */
const VIDEO_NAMES: ReadonlyMap<string, VideoCodec> = new Map([
  ['h264', 'h264'],
  ['hevc', 'hevc'],
  ['vp8', 'vp8'],
  ['vp9', 'vp9'],
  ['av1', 'av1'],
  ['theora', 'theora'],
  ['mpeg4', 'mpeg4'],
  ['mpeg2video', 'mpeg2video'],
  ['mpeg1video', 'mpeg1video'],
  ['h263', 'h263'],
  ['flv1', 'h263'],
  ['prores', 'prores'],
  ['mjpeg', 'mjpeg'],
  ['wmv1', 'wmv1'],
  ['wmv2', 'wmv2'],
  ['wmv3', 'wmv3'],
  ['vc1', 'vc1'],
  ['msmpeg4v3', 'msmpeg4v3'],
])

const AUDIO_CODECS: readonly AudioCodec[] = [
  ...(['aac', 'mp3', 'opus', 'vorbis', 'flac', 'pcm_s16le', 'pcm_s24le', 'pcm_f32le'] as const),
  ...(['alac', 'pcm_s16be', 'pcm_s24be', 'pcm_u8', 'ac3', 'eac3'] as const),
]
