/**
 * The accepted codecs (contract, section 7), by FFmpeg's names, and the many names that containers use for
 * them. A codec without a name here is rejected.
 */

import { type Failure, failWithHint } from '@media-proxy/shared/response/failure.ts'

export type VideoCodec =
  | 'h264'
  | 'hevc'
  | 'vp8'
  | 'vp9'
  | 'av1'
  | 'theora'
  | 'mpeg4'
  | 'mpeg2video'
  | 'mpeg1video'
  | 'h263'
  | 'prores'
  | 'mjpeg'
  | 'wmv1'
  | 'wmv2'
  | 'wmv3'
  | 'vc1'
  | 'msmpeg4v3'

export type AudioCodec =
  | 'aac'
  | 'mp3'
  | 'opus'
  | 'vorbis'
  | 'flac'
  | 'pcm_s16le'
  | 'pcm_s24le'
  | 'pcm_f32le'
  | 'alac'
  | 'pcm_s16be'
  | 'pcm_s24be'
  | 'pcm_u8'
  | 'ac3'
  | 'eac3'

/**
 * The decoders that a child process may open: the accepted codecs, each with FFmpeg's own decoder and those
 * of libraries. This list also decides when a container hides the codec's name (Matroska's
 * `V_MS/VFW/FOURCC`).
 */
export const FFMPEG_DECODERS = [
  ...[
    'h264',
    'hevc',
    'vp8',
    'libvpx',
    'vp9',
    'libvpx-vp9',
    'av1',
    'libdav1d',
    'libaom-av1',
    'theora',
    'mpeg4',
  ],
  ...['mpeg2video', 'mpegvideo', 'mpeg1video', 'h263', 'prores', 'mjpeg', 'wmv1', 'wmv2', 'wmv3', 'vc1'],
  'msmpeg4',
].join(',')

/** Fails with `unsupported-codec` when the video codec is not accepted. */
export function validateVideoCodec({ codec, codecName = '' }: DeclaredVideoCodec): Failure | undefined {
  if (codec !== undefined) return undefined
  // A file may contain any text here.
  const name = /^[\w./-]{1,30}$/.test(codecName.trim()) ? codecName.trim() : 'a codec without a name'
  return failWithHint('unsupported-codec', `the video is coded as ${name}`)
}

interface DeclaredVideoCodec {
  readonly codec: VideoCodec | 'hidden' | undefined
  /** The name that the file or its demuxer gives. */
  readonly codecName?: string | undefined
}

/**
 * Fails with `unsupported-codec` when none of the audio tracks has an accepted codec (undefined stands for
 * one that is not accepted). A player plays one of them, so further tracks (a second language, audio for
 * other devices) are no reason to reject the file.
 */
export function validateAudioCodecs(
  tracks: readonly (AudioCodec | undefined)[],
  holder: 'video' | 'audio file',
): Failure | undefined {
  const isAccepted = (codec: AudioCodec | undefined) =>
    codec !== undefined && (holder === 'video' || !ONLY_WITH_VIDEO.has(codec))
  return tracks.length === 0 || tracks.some(isAccepted)
    ? undefined
    : failWithHint('unsupported-codec', 'no audio track has a supported codec')
}

/** Audio codecs that cameras and discs use with video. The contract accepts them nowhere else. */
const ONLY_WITH_VIDEO: ReadonlySet<AudioCodec> = new Set(['pcm_s16be', 'pcm_s24be', 'pcm_u8', 'ac3', 'eac3'])

/**
 * Returns the accepted video codec for a FourCC (MP4, QuickTime, AVI) or a Matroska codec name. Undefined
 * when it is not accepted.
 */
export function videoCodecOf(name: string): VideoCodec | 'hidden' | undefined {
  const key = name.trim().toLowerCase()
  // Matroska's names may have a suffix after a slash (`V_MPEG4/ISO/ASP`).
  const found = VIDEO_NAMES.get(key) ?? VIDEO_NAMES.get(key.split('/').slice(0, 2).join('/'))
  return found ?? VIDEO_NAMES.get(key.split('/')[0] ?? '')
}

/** ProRes 4444 (`ap4h`, `ap4x`) is left out in any letter case: no browser shows it. */
const VIDEO_NAMES: ReadonlyMap<string, VideoCodec | 'hidden'> = new Map(
  (
    [
      ['h264', 'avc avc1 avc2 avc3 avc4 h264 x264 davc v_mpeg4/iso/avc'],
      ['hevc', 'hevc hvc1 hev1 dvh1 dvhe h265 x265 v_mpegh/iso/hevc'],
      ['vp8', 'vp8 vp08 vp80 v_vp8'],
      ['vp9', 'vp9 vp09 vp90 v_vp9'],
      ['av1', 'av1 av01 v_av1'],
      ['theora', 'theora theo v_theora'],
      ['mpeg4', 'mp4v fmp4 xvid divx dx50 mp4s m4s2 rmp4 3iv2 v_mpeg4/iso'],
      ['mpeg2video', 'mpg2 mp2v m2v1 mpeg hdv1 hdv2 hdv3 hdv5 hdv6 hdv7 hdv8 hdv9 v_mpeg2'],
      ['mpeg1video', 'mpg1 mp1v m1v pim1 v_mpeg1'],
      ['h263', 'h263 s263 u263'],
      ['prores', 'apch apcn apcs apco'],
      ['mjpeg', 'mjpg jpeg mjpa dmb1 v_mjpeg'],
      ['wmv1', 'wmv1'],
      ['wmv2', 'wmv2'],
      ['wmv3', 'wmv3'],
      ['vc1', 'vc-1 wvc1 wmva'],
      ['msmpeg4v3', 'mp43 div3 div4 div5 div6 mpg3 ap41 col1 3ivd v_mpeg4/ms'],
      ['hidden', 'v_ms v_quicktime'],
    ] as const
  ).flatMap(([codec, names]) => names.split(' ').map((name) => [name, codec] as const)),
)

/**
 * Returns the accepted audio codec for mediabunny's name, or for the container's name when mediabunny has
 * none. Undefined when it is not accepted.
 */
export function audioCodecOf(name: string): AudioCodec | undefined {
  return AUDIO_NAMES.get(name.trim().toLowerCase())
}

const AUDIO_NAMES: ReadonlyMap<string, AudioCodec> = new Map([
  ['aac', 'aac'],
  ['mp3', 'mp3'],
  ['opus', 'opus'],
  ['vorbis', 'vorbis'],
  ['flac', 'flac'],
  ['pcm-s16', 'pcm_s16le'],
  ['pcm-s24', 'pcm_s24le'],
  ['pcm-f32', 'pcm_f32le'],
  ['pcm-s16be', 'pcm_s16be'],
  ['pcm-s24be', 'pcm_s24be'],
  ['pcm-u8', 'pcm_u8'],
  ['ac3', 'ac3'],
  ['eac3', 'eac3'],
  ['alac', 'alac'],
  ['a_alac', 'alac'],
])

/**
 * Returns the accepted audio codec for the format tag of a WAVE header (RFC 2361) and the bits per sample.
 * Undefined when it is not accepted.
 */
export function audioCodecOfTag(tag: number, bits: number): AudioCodec | undefined {
  if (tag === 1) return PCM_BY_BITS.get(bits)
  if (tag === 3) return bits === 32 ? 'pcm_f32le' : undefined
  return AUDIO_TAGS.get(tag)
}

const PCM_BY_BITS: ReadonlyMap<number, AudioCodec> = new Map([
  [8, 'pcm_u8'],
  [16, 'pcm_s16le'],
  [24, 'pcm_s24le'],
])

const AUDIO_TAGS: ReadonlyMap<number, AudioCodec> = new Map([
  [0x55, 'mp3'],
  [0xff, 'aac'],
  [0x1600, 'aac'],
  [0x1610, 'aac'],
  [0x704f, 'opus'],
  [0x566f, 'vorbis'],
  [0xf1ac, 'flac'],
  [0x2000, 'ac3'],
])
