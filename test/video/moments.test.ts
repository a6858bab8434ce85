/** Tests the moments that clips, previews and stills of videos show, and their copied timestamps. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { FFMPEG, makeVideo, remakeVideo, SECONDS, withFile } from '../videos.ts'
import { colourOf, framesOf, inspectClip, loudShare } from './clip-facts.ts'
import { coloursOf, H264, made, type Overrides, pixelsOf, rendered, sourceOf, TIME } from './render-video.ts'

const libav = await loadLibav()
const INTERLACED = ['-c:v', 'mpeg2video', '-q:v', '2', '-flags', '+ilme+ildct']

describe.skipIf(FFMPEG === undefined || libav === undefined)('videos (need FFmpeg and libav)', () => {
  afterAll(() => libav?.pool.close())

  describe('begin at the requested moment', () => {
    const longGroups = [...H264, '-g', '75', '-bf', '2']

    it.each(['ts', 'mpg', 'mp4'])('between the key frames of %s', async (extension) => {
      const codec = extension === 'mpg' ? ['-c:v', 'mpeg2video', '-g', '75', '-q:v', '2'] : longGroups
      const video = await makeVideo(extension, SECONDS, codec)
      const name = extension === 'mpg' ? 'a.mpeg' : `a.${extension}`
      const clip = await made(name, video, { time: TIME(1.2), durationMs: 1000 })
      expect(await coloursOf(clip)).toEqual(['lime', 'blue'])
      expect((await inspectClip(clip)).seconds).toBeCloseTo(1, 1)
    })

    it.each(['mp4', 'webm'] as const)('with a lower frame rate, in %s', async (format) => {
      const video = await makeVideo('mkv', SECONDS, [...H264, '-output_ts_offset', '0.02'])
      const clip = await made('a.mkv', video, { format, time: TIME(0.7), fps: 1 })
      const frames = await framesOf(clip, await inspectClip(clip))
      expect(frames.map((frame) => colourOf(frame))).toEqual(['red', 'lime', 'blue'])
      const { times } = await inspectClip(await made('a.mkv', video, { format, fps: 2 }))
      expect(times[0]).toBeCloseTo(0, 1)
      expect(times).toHaveLength(6)
    })

    it('when every frame is marked as a key frame', async () => {
      const video = await makeVideo('mp4', SECONDS, longGroups)
      video.write('free', video.lastIndexOf('stss'), 'latin1')
      const clip = await made('a.mp4', video, { time: TIME(1.2), durationMs: 1000 })
      expect(await coloursOf(clip)).toEqual(['lime', 'blue'])
    })

    it('when the first frames are not marked as key frames', async () => {
      const video = await makeVideo('mp4', SECONDS, [...H264, '-g', '25'])
      const marks = video.lastIndexOf('stss') + 4
      video.writeUInt32BE(1, marks + 4)
      video.writeUInt32BE(video.readUInt32BE(marks + 16), marks + 8)
      expect(await coloursOf(await made('a.mp4', video, { width: 160 }))).toEqual(['red', 'lime', 'blue'])
      const later = await made('a.mp4', video, { time: TIME(1.2), durationMs: 1000 })
      expect(await coloursOf(later)).toEqual(['lime', 'blue'])
      expect(colourOf(await pixelsOf(await made('a.mp4', video, { format: 'png' })))).toBe('red')
    })
  })

  describe('in a clip that ends before the next frame', () => {
    const briefly = { time: TIME(0.8), durationMs: 200, width: 160 }

    it.each([
      ['with a lower frame rate', 'mp4', H264, { ...briefly, fps: 1 }],
      ['with a lower frame rate in WebM', 'mp4', H264, { ...briefly, fps: 1, format: 'webm' }],
      ['of a single frame', 'mp4', H264, { ...briefly, time: TIME(0.96), durationMs: 40 }],
      ['of one interlaced frame', 'ts', INTERLACED, { ...briefly, time: TIME(0.96), durationMs: 30 }],
    ] as const)('show no frame after its end: %s', async (_, extension, codec, overrides) => {
      const video = await makeVideo(extension, SECONDS, codec)
      const clip = await made(`a.${extension}`, video, overrides)
      expect(await coloursOf(clip)).toEqual(['red'])
      expect((await inspectClip(clip)).seconds).toBeCloseTo(overrides.durationMs / 1000, 1)
    })
  })

  describe('with a frame of several seconds', () => {
    it.each<[string, string, readonly string[], Overrides]>([
      ['copied', 'mkv', ['-bf', '0'], { durationMs: 5000 }],
      ['copied with reordered frames', 'mkv', ['-bf', '2'], { durationMs: 5000 }],
      ['encoded', 'mkv', ['-bf', '0'], { durationMs: 5000, width: 160 }],
      ['encoded from the middle', 'mkv', ['-bf', '0'], { durationMs: 5000, time: TIME(0.5) }],
      ['encoded as WebM', 'mkv', ['-bf', '0'], { durationMs: 5000, format: 'webm' }],
      ['encoded from MP4', 'mp4', ['-bf', '0'], { durationMs: 5000, width: 160 }],
    ])('last as long as requested: %s', async (_, extension, order, overrides) => {
      const video = await makeVideo(
        extension,
        'testsrc2=s=160x96:r=4:d=1',
        [
          ...['-vf', "settb=1/1000,setpts='N*N*N*1000'", '-fps_mode', 'passthrough'],
          ...['-enc_time_base', '1:1000', ...H264, ...order],
        ],
        60,
      )
      const { times, seconds } = await inspectClip(await made(`a.${extension}`, video, overrides))
      expect(times).toHaveLength(2)
      expect(seconds).toBeCloseTo(5, 1)
    })
  })

  describe('with reordered frames of unequal durations', () => {
    it.each([
      ['copied', 'N*40+max(0,N-35)*700', {}],
      ['encoded', 'N*40+max(0,N-35)*700', { width: 160 }],
      ['with long frames at the start', '3*N*(80-N)', { width: 160 }],
    ])('have in MP4 a track no shorter than their presentation: %s', async (_, milliseconds, overrides) => {
      const uneven = [
        '-vf',
        `settb=1/1000,setpts='${milliseconds}',settb=1/90000`,
        '-fps_mode',
        'passthrough',
      ]
      const video = await makeVideo(
        'mkv',
        'testsrc2=s=320x192:r=25:d=1.6',
        [...uneven, ...H264, '-bf', '3'],
        60,
      )
      const clip = await made('a.mkv', video, overrides)
      const { times, seconds } = await inspectClip(clip)
      expect(seconds).toBeGreaterThan(times.at(-1) ?? Number.POSITIVE_INFINITY)
      // An edit list shortens a longer video.
      expect(decodingSeconds(clip)).toBeGreaterThan(seconds - 0.05)
    })
  })

  describe('with an edit list', () => {
    /** Shows the first second, then the last one. The numbers are those that FFmpeg writes. */
    async function shortened(): Promise<Buffer> {
      const video = await makeVideo('mp4', SECONDS, [...H264, '-g', '75', '-video_track_timescale', '1000'])
      return withEdits(video, [
        [1000, 0],
        [1000, 2000],
      ])
    }

    it('show its parts in order, in clips and in stills', async () => {
      const video = await shortened()
      expect(await coloursOf(await made('a.mp4', video))).toEqual(['red', 'blue'])
      const part = await made('a.mp4', video, { time: TIME(0.5), durationMs: 1000 })
      expect(await coloursOf(part)).toEqual(['red', 'blue'])
      for (const [seconds, colour] of [
        [0.2, 'red'],
        [0.9, 'red'],
        [1.5, 'blue'],
      ] as const) {
        const still = await made('a.mp4', video, { format: 'png', time: TIME(seconds) })
        expect(colourOf(await pixelsOf(still)), String(seconds)).toBe(colour)
      }
    })

    it('that ends within a long frame last as long as it, when copied and when encoded', async () => {
      const slow = await makeVideo('mp4', 'testsrc2=s=64x64:r=1/20', [...H264, '-bf', '0'], 40)
      const video = withEdits(slow, [[30_000, 0]])
      for (const overrides of [{}, { width: 32 }]) {
        const { seconds, times } = await inspectClip(await made('a.mp4', video, overrides))
        expect(seconds).toBeCloseTo(30, 1)
        expect(times).toHaveLength(2)
      }
    })

    it.each([
      ['one edit', [[0, 0]]],
      [
        'an empty edit before it',
        [
          [500, -1],
          [0, 0],
        ],
      ],
      [
        'an edit of no length before it',
        [
          [0, 0],
          [0, 0],
        ],
      ],
    ])('whose last edit has no length play to their end: %s', async (_, edits) => {
      const video = withEdits(await makeVideo('mp4', SECONDS, [...H264, '-bf', '0']), edits)
      const { seconds } = await inspectClip(await made('a.mp4', video))
      expect(Math.abs(seconds - 3.25)).toBeLessThan(0.3)
      const still = await made('a.mp4', video, { format: 'png', time: TIME(2.9) })
      expect(colourOf(await pixelsOf(still))).toBe('blue')
    })

    it('of only the audio are searched correctly, and stay in sync', async () => {
      const halves = "aevalsrc='if(between(t,1,2),0,sin(2000*t))':s=48000:d=3"
      const video = withEdits(
        await makeVideo('mp4', SECONDS, [
          ...['-f', 'lavfi', '-i', halves, '-map', '0:v', '-map', '1:a', ...H264, '-g', '10', '-c:a', 'aac'],
        ]),
        [
          [1500, 0],
          [1000, 96_000],
        ],
        'last',
      )
      for (const [seconds, share] of [
        [0.5, 1],
        [1.1, 0],
        [1.3, 0.5],
        [1.6, 1],
        [2, 1],
      ] as const) {
        const clip = await made('a.mp4', video, { time: TIME(seconds), durationMs: 400, width: 160 })
        expect(Math.abs((await loudShare(clip)) - share), String(seconds)).toBeLessThan(0.15)
      }
    })

    it('of thousands of entries are rejected', async () => {
      const video = withEdits(
        await makeVideo('mp4', SECONDS, H264),
        Array.from({ length: 20_000 }, () => [1, 0]),
      )
      expect(await rendered(sourceOf('a.mp4', video), {})).toMatchObject({
        code: 'undecodable',
        detail: expect.stringContaining('edits'),
      })
    })
  })

  describe('that are copied', () => {
    it('begin at 0 whatever their first timestamp is', async () => {
      const video = await makeVideo('mkv', SECONDS, [...H264, '-output_ts_offset', '10'])
      const { seconds, times } = await inspectClip(await made('a.mkv', video))
      expect(times[0]).toBeCloseTo(0, 1)
      expect(seconds).toBeCloseTo(3, 1)
    })

    it('keep the pixel aspect ratio that only the container declares', async () => {
      const video = await makeVideo('mp4', SECONDS, H264)
      const wide = await withFile(video, (path) =>
        remakeVideo({ path }, 'mkv', ['-c', 'copy', '-aspect', '10:3']),
      )
      const clip = await made('a.mkv', wide)
      const [clipSize, ownSize] = await Promise.all(
        [clip, wide].map(async (bytes, at) =>
          sharp(await made(at === 0 ? 'a.mp4' : 'a.mkv', bytes, { format: 'png' })).metadata(),
        ),
      )
      expect(clipSize?.width).toBe(640)
      expect([clipSize?.width, clipSize?.height]).toEqual([ownSize?.width, ownSize?.height])
    })

    it.each([
      ['copied', {}],
      ['encoded', { width: 160 }],
    ])('last no longer than requested when a frame is longer, %s', async (_, overrides) => {
      const video = await makeVideo('mp4', 'testsrc2=s=320x192:r=1/5', H264, 10)
      const clip = await made('a.mp4', video, { ...overrides, durationMs: 1000 })
      expect((await inspectClip(clip)).seconds).toBeCloseTo(1, 1)
    })
  })
})

/** Returns how long the first track of an MP4 is decoded, which some players use as its duration. */
function decodingSeconds(clip: Buffer): number {
  const [unit, times] = [clip.indexOf('mdhd') + 16, clip.indexOf('stts') + 8]
  const entries = Array.from({ length: clip.readUInt32BE(times) }, (_, at) => times + 4 + 8 * at)
  const ticks = entries.reduce((sum, at) => sum + clip.readUInt32BE(at) * clip.readUInt32BE(at + 4), 0)
  return ticks / clip.readUInt32BE(unit)
}

/**
 * Replaces the entries of a track's edit list, given as durations and start times. The video has its index at
 * its end.
 */
function withEdits(
  video: Buffer,
  edits: readonly (readonly number[])[],
  track: 'first' | 'last' = 'first',
): Buffer {
  const list = track === 'first' ? video.indexOf('elst') : video.lastIndexOf('elst')
  const index = video.indexOf('moov')
  expect(index).toBeGreaterThan(video.indexOf('mdat'))
  const before = video.readUInt32BE(list - 4)
  const entries = Buffer.alloc(8 + 12 * edits.length)
  entries.writeUInt32BE(edits.length, 4)
  for (const [at, [duration = 0, mediaTime = 0]] of edits.entries()) {
    entries.writeUInt32BE(duration, 8 + 12 * at)
    entries.writeInt32BE(mediaTime, 12 + 12 * at)
    entries.writeUInt32BE(0x10000, 16 + 12 * at)
  }
  const grown = Buffer.concat([video.subarray(0, list + 4), entries, video.subarray(list - 4 + before)])
  const more = grown.length - video.length
  for (const box of ['moov', 'trak', 'edts', 'elst']) {
    const at = grown.lastIndexOf(box, list) - 4
    grown.writeUInt32BE(grown.readUInt32BE(at) + more, at)
  }
  return grown
}
