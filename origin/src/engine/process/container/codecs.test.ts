import { describe, expect, it } from 'vitest'
import { audioCodecOf, audioCodecOfTag, validateCodecs, videoCodecOf } from './codecs.ts'

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
  ])('%s is none that is accepted', (name) => {
    expect(videoCodecOf(name)).toBeUndefined()
  })
})

describe('names of audio codecs', () => {
  it.each([
    ['aac', 'aac'],
    ['pcm-s16', 'pcm_s16le'],
    ['pcm-s24', 'pcm_s24le'],
    ['pcm-f32', 'pcm_f32le'],
    ['pcm-u8', undefined],
    ['pcm-s16be', undefined],
    ['pcm-s32', undefined],
    ['ac3', undefined],
    ['', undefined],
  ])('%s', (name, codec) => {
    expect(audioCodecOf(name)).toBe(codec)
  })

  it.each([
    [1, 16, 'pcm_s16le'],
    [1, 24, 'pcm_s24le'],
    [1, 8, undefined],
    [1, 32, undefined],
    [3, 32, 'pcm_f32le'],
    [3, 64, undefined],
    [0x55, 0, 'mp3'],
    [0x50, 0, undefined],
    [0x2000, 0, undefined],
  ])('format tag %i with %i bits', (tag, bits, codec) => {
    expect(audioCodecOfTag(tag, bits)).toBe(codec)
  })
})

describe('the judgement', () => {
  it('refuses one bad stream among good ones', () => {
    expect(validateCodecs({ hasVideo: true, video: 'h264', audio: ['aac', undefined] })?.code).toBe(
      'unsupported-codec',
    )
    expect(validateCodecs({ hasVideo: true, video: undefined, audio: ['aac'] })?.code).toBe(
      'unsupported-codec',
    )
  })

  it('takes silence, and sound alone', () => {
    expect(validateCodecs({ hasVideo: true, video: 'av1', audio: [] })).toBeUndefined()
    expect(validateCodecs({ hasVideo: false, audio: ['opus'] })).toBeUndefined()
  })
})
