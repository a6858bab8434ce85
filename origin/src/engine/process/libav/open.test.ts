import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import type { DecodeOptions } from '../container/video-decoder.ts'
import type { LibavFormat } from './formats.ts'
import { loadLibav } from './load.ts'
import { type LibavFile, openWithLibav } from './open.ts'

const corpus = process.env.MEDIA_CORPUS
const libav = await loadLibav()
afterAll(() => libav?.pool.close())

async function open(name: string, format: LibavFormat) {
  const bytes = await readFile(join(corpus ?? '', name))
  if (libav === undefined) throw new Error('no libraries')
  return openWithLibav(
    libav,
    { sizeBytes: bytes.length, read: (start, end) => bytes.subarray(start, end) },
    format,
  )
}

function optionsOf({ info: { video } }: LibavFile): DecodeOptions {
  if (video === undefined) throw new Error('no video')
  return { video, size: { width: 16, height: 12 }, maxPixels: 4e7 }
}

describe.skipIf(corpus === undefined || libav === undefined)(
  'libav (needs MEDIA_CORPUS and FFmpeg’s libraries)',
  () => {
    it.each([
      ['wild/full.avi', 'avi', 'mpeg4', [320, 180], 4.049, ['mp3']],
      ['wild/v.flv', 'flv', 'h263', [320, 240], 2, []],
      ['wild/v.wmv', 'wmv', 'wmv2', [320, 240], 2, []],
      ['wild/v.ts', 'ts', 'mpeg2video', [320, 240], 2, []],
      ['wild/v.ogv', 'ogv', 'theora', [320, 240], 2, []],
      ['wild/v.3gp', '3gp', 'h264', [320, 240], 2, []],
      ['wild/iphone_apac.mov', 'mov', 'hevc', [320, 180], 4, [undefined, 'aac']],
      ['wild/cut.mp4', 'mp4', 'h264', [320, 180], 2.3, ['aac']],
      ['video/bbb-480p-moov-last.mp4', 'mp4', 'h264', [853, 480], 10.03, ['aac']],
      ['video/mpeg4-one-frame.mp4', 'mp4', 'mpeg4', [256, 144], 0.033, []],
    ] as const)('reads the metadata of %s', async (name, format, codec, [width, height], seconds, audio) => {
      const file = await open(name, format)
      if (isFailure(file)) throw new Error(file.detail)
      using opened = file
      expect(opened.info).toMatchObject({ video: { codec, width, height }, audio })
      expect(opened.info.durationSeconds).toBeCloseTo(seconds, 2)
    })

    it.each([
      ['wild/vbr-without-xing-60s.mp3', 'mp3', 'mp3', 60.02],
      ['wild/noxing.mp3', 'mp3', 'mp3', 4.04],
      ['wild/voice.webm', 'webm', 'opus', 4.02],
      ['wild/alac.m4a', 'm4a', 'alac', 3],
      ['audio/tos.wav', 'wav', 'pcm_s16le', 3],
    ] as const)(
      'reads the duration of %s, from its frames when nothing declares it',
      async (name, format, codec, seconds) => {
        const file = await open(name, format)
        if (isFailure(file)) throw new Error(file.detail)
        using opened = file
        expect(opened.info.audio).toEqual([codec])
        expect(Math.abs((opened.info.durationSeconds ?? 0) - seconds)).toBeLessThan(0.02)
      },
    )

    it.each([
      [
        'wild/full.avi',
        'avi',
        [
          [undefined, 0],
          [0.49, 0.467],
          [0.5, 0.5],
          [99, 4],
        ],
      ],
      [
        'wild/v.flv',
        'flv',
        [
          [undefined, 0],
          [0.5, 0.48],
          [1, 1],
          [99, 1.96],
        ],
      ],
      [
        'wild/v.wmv',
        'wmv',
        [
          [undefined, 0],
          [0.5, 0.48],
          [1, 1],
          [99, 1.96],
        ],
      ],
      [
        'wild/v.ts',
        'ts',
        [
          [undefined, 0],
          [0, 0],
          [0.5, 0.48],
          [1, 1],
          [99, 1.96],
        ],
      ],
      [
        'wild/v.ogv',
        'ogv',
        [
          [undefined, 0],
          [0.5, 0.48],
          [1, 1],
          [99, 1.96],
        ],
      ],
      [
        'wild/v.3gp',
        '3gp',
        [
          [undefined, 0],
          [0.5, 0.48],
          [1, 1],
          [99, 1.96],
        ],
      ],
      [
        'wild/cut.mp4',
        'mp4',
        [
          [undefined, 0],
          [0.5, 0.5],
          [99, 2.267],
        ],
      ],
      [
        'wild/trunc.avi',
        'avi',
        [
          [undefined, 0],
          [1, 1],
          [99, 1.967],
        ],
      ],
      [
        'wild/longgop.mp4',
        'mp4',
        [
          [36, 36],
          [99, 39.967],
        ],
      ],
    ] as const)('returns the frame of %s that is shown at a moment', async (name, format, timestamps) => {
      const file = await open(name, format)
      if (isFailure(file)) throw new Error(file.detail)
      using opened = file
      for (const [timestamp, shown] of timestamps) {
        const frame = opened.readFrame(timestamp, optionsOf(opened))
        expect(isFailure(frame) ? frame : frame.timestampSeconds, `${timestamp}`).toBeCloseTo(shown, 3)
      }
    })

    it.each([
      ['hostile/hls-ssrf.avi', 'avi'],
      ['hostile/hls-read-passwd.mp4', 'mp4'],
      ['hostile/chunk-out-of-range.mp4', 'mp4'],
      ['wild/v.wmv', 'avi'],
    ] as const)('rejects %s with the demuxer of %s, and tries no other one', async (name, format) => {
      expect(await open(name, format)).toMatchObject({ code: 'undecodable' })
    })

    it('rejects a frame that is larger than its limit', async () => {
      const file = await open('wild/full.avi', 'avi')
      if (isFailure(file)) throw new Error(file.detail)
      using opened = file
      const frame = opened.readFrame(undefined, { ...optionsOf(opened), maxPixels: 320 * 180 - 1 })
      expect(frame).toMatchObject({ code: 'undecodable' })
    })

    it('rethrows an exception of its source', () => {
      if (libav === undefined) throw new Error('no libraries')
      const read = () => {
        throw new Error('a defect')
      }
      expect(() => openWithLibav(libav, { sizeBytes: 1000, read }, 'avi')).toThrow('a defect')
    })

    it('returns the failure of its source, and reads the next file correctly', async () => {
      if (libav === undefined) throw new Error('no libraries')
      const source = { sizeBytes: 1000, read: () => fail('store-unreachable', 'gone') }
      expect(openWithLibav(libav, source, 'avi')).toEqual(fail('store-unreachable', 'gone'))
      const file = await open('wild/full.avi', 'avi')
      if (isFailure(file)) throw new Error(file.detail)
      using opened = file
      expect(isFailure(opened.readFrame(undefined, optionsOf(opened)))).toBe(false)
    })
  },
)
