import { readAudio } from '@media-proxy/origin/engine/process/video/audio.ts'
import { sniff } from '@media-proxy/origin/media/sniff.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { ffmpegTools, libavTools } from '../video-tools.ts'
import { FFMPEG, makeVideo, partsOf } from '../videos.ts'

const SINE = 'sine=d=2.5'
const COVER = ['-f', 'lavfi', '-i', 'color=red:s=64x64', '-map', '0', '-map', '1', '-frames:v', '1']

describe.skipIf(FFMPEG === undefined).each([
  ['by libav', libavTools],
  ['without libav', ffmpegTools],
] as const)('audio decoded %s (skipped without FFmpeg)', (__, tools) => {
  it.each([
    ['mp3', 'mp3', [], 'mp3'],
    ['mp3 with cover art', 'mp3', [...COVER, '-c:v', 'mjpeg', '-disposition:v', 'attached_pic'], 'mp3'],
    ['m4a', 'm4a', ['-c:a', 'aac'], 'aac'],
    ['m4a with cover art', 'm4a', [...COVER, '-c:v', 'mjpeg', '-disposition:v', 'attached_pic'], 'aac'],
    ['flac', 'flac', [], 'flac'],
    ['flac with cover art', 'flac', [...COVER, '-c:v', 'mjpeg', '-disposition:v', 'attached_pic'], 'flac'],
    ['vorbis', 'ogg', ['-c:a', 'libvorbis'], 'vorbis'],
    ['opus', 'opus', ['-c:a', 'libopus'], 'opus'],
    ['aac', 'aac', ['-c:a', 'aac'], 'aac'],
    ['16-bit PCM', 'wav', ['-c:a', 'pcm_s16le'], 'pcm_s16le'],
    ['24-bit PCM', 'wav', ['-c:a', 'pcm_s24le'], 'pcm_s24le'],
    ['floating-point PCM', 'wav', ['-c:a', 'pcm_f32le'], 'pcm_f32le'],
    ['8-bit PCM', 'wav', ['-c:a', 'pcm_u8'], 'unsupported-codec'],
    ['32-bit PCM', 'wav', ['-c:a', 'pcm_s32le'], 'unsupported-codec'],
    ['A-law', 'wav', ['-c:a', 'pcm_alaw'], 'unsupported-codec'],
    ['ADPCM', 'wav', ['-c:a', 'adpcm_ms'], 'unsupported-codec'],
    ['ALAC', 'm4a', ['-c:a', 'alac'], 'alac'],
    // Without libav, the demuxer does not support FLAC in Ogg.
    ['FLAC in Ogg', 'ogg', ['-c:a', 'flac'], tools === libavTools ? 'flac' : 'undecodable'],
    ['Speex in Ogg', 'ogg', ['-c:a', 'libspeex', '-ar', '16000'], 'unsupported-codec'],
  ] as const)('has its codec and duration, or its error: %s', async (_, extension, output, codec) => {
    const file = await makeVideo(extension, SINE, output)
    const kind = await sniff(file, `sound.${extension}`)
    expect(kind?.format).toBe(extension)
    if (kind?.kind !== 'audio') throw new Error('no audio')
    const info = await readAudio(tools, partsOf(file), kind.format)
    if (isFailure(info)) return expect(info.code).toBe(codec)
    expect(info.audio).toEqual([codec])
    expect(info.video).toBeUndefined()
    expect(Math.abs((info.durationSeconds ?? 0) - 2.5)).toBeLessThan(0.1)
  })

  it.each([
    ['opus', 'opus'],
    ['webm', 'weba'],
    ['mka', 'mka'],
  ] as const)('Opus in %s does not count its pre-skip', async (extension, format) => {
    const file = await makeVideo(extension, 'sine=d=2.5:r=48000', ['-c:a', 'libopus'])
    const info = await readAudio(tools, partsOf(file), format)
    if (isFailure(info)) throw new Error(info.detail)
    // Matroska rounds timestamps to milliseconds.
    expect(Math.abs((info.durationSeconds ?? 0) - 2.5)).toBeLessThan(0.002)
  })

  it.each(['mp3', 'wav', 'flac', 'ogg', 'opus', 'aac', 'm4a'] as const)(
    'is rejected as undecodable when a file named %s contains text',
    async (format) => {
      const text = Buffer.from('this is no audio at all'.repeat(10))
      const info = await readAudio(tools, partsOf(text), format)
      expect(isFailure(info) && info.code).toBe('undecodable')
    },
  )
})
