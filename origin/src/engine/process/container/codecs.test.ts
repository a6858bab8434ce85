import { describe, expect, it } from 'vitest'
import {
  audioCodecOf,
  audioCodecOfTag,
  validateAudioCodecs,
  validateVideoCodec,
  videoCodecOf,
} from './codecs.ts'

describe('names of video codecs', () => {
  it.each([
    ['avc1', 'h264'],
    ['H264', 'h264'],
    ['hev1', 'hevc'],
    ['V_MPEG4/ISO/AVC', 'h264'],
    ['V_MPEG4/ISO/ASP', 'mpeg4'],
    ['V_MPEG4/MS/V3', 'msmpeg4v3'],
    ['V_MPEGH/ISO/HEVC', 'hevc'],
    ['V_MS/VFW/FOURCC', 'hidden'],
    ['V_THEORA', 'theora'],
    ['XVID', 'mpeg4'],
    ['m1v ', 'mpeg1video'],
    ['WVC1', 'vc1'],
    ['apch', 'prores'],
    ['apcn', 'prores'],
    ['apcs', 'prores'],
    ['apco', 'prores'],
  ])('%s is %s', (name, codec) => {
    expect(videoCodecOf(name)).toBe(codec)
  })

  it.each([
    'ap4h',
    'ap4x',
    'AP4H',
    'Ap4X',
    'SVQ3',
    'rle ',
    'cvid',
    'dvsd',
    'png ',
    'V_UNCOMPRESSED',
    'V_PRORES',
    '',
  ])('%s is rejected', (name) => {
    expect(videoCodecOf(name)).toBeUndefined()
  })
})

describe('names of audio codecs', () => {
  it.each([
    ['aac', 'aac'],
    ['pcm-s16', 'pcm_s16le'],
    ['pcm-s24', 'pcm_s24le'],
    ['pcm-f32', 'pcm_f32le'],
    ['pcm-u8', 'pcm_u8'],
    ['pcm-s16be', 'pcm_s16be'],
    ['pcm-s32', undefined],
    ['ac3', 'ac3'],
    ['alac', 'alac'],
    ['A_ALAC', 'alac'],
    ['apac', undefined],
    ['', undefined],
  ])('map %s to its codec', (name, codec) => {
    expect(audioCodecOf(name)).toBe(codec)
  })

  it.each([
    [1, 16, 'pcm_s16le'],
    [1, 24, 'pcm_s24le'],
    [1, 8, 'pcm_u8'],
    [1, 32, undefined],
    [3, 32, 'pcm_f32le'],
    [3, 64, undefined],
    [0x55, 0, 'mp3'],
    [0x50, 0, undefined],
    [0x2000, 0, 'ac3'],
    [0x161, 0, undefined],
  ])('map format tag %i with %i bits to a codec', (tag, bits, codec) => {
    expect(audioCodecOfTag(tag, bits)).toBe(codec)
  })
})

describe('the check of codecs', () => {
  it('rejects unsupported codecs of the video track', () => {
    expect(validateVideoCodec({ codec: undefined, codecName: 'dvsd' })).toMatchObject({
      code: 'unsupported-codec',
      hint: { text: 'the video is coded as dvsd' },
    })
    expect(validateVideoCodec({ codec: undefined, codecName: '<b>\n' })?.detail).toBe(
      'the video is coded as a codec without a name',
    )
    expect(validateVideoCodec({ codec: 'av1' })).toBeUndefined()
  })

  it.each([
    ['silence', 'video', [], true],
    ['one supported track', 'video', ['aac'], true],
    ['a supported track after an unknown one', 'video', [undefined, 'aac'], true],
    ['a supported track before an unknown one', 'video', ['opus', undefined], true],
    ['only unknown tracks', 'video', [undefined, undefined], false],
    ['AC-3 with a video track', 'video', ['ac3'], true],
    ['AC-3 alone', 'audio file', ['ac3'], false],
    ['8-bit PCM alone', 'audio file', ['pcm_u8'], false],
    ['ALAC alone', 'audio file', ['alac'], true],
    ['MP3 alone', 'audio file', ['mp3'], true],
  ] as const)('accepts or rejects %s of a %s', (_, holder, tracks, accepted) => {
    expect(validateAudioCodecs(tracks, holder) === undefined).toBe(accepted)
  })
})
