/** Tests clips, previews and stills of videos with unusual containers, joins, tracks or frames. */

import { readWaveform } from '@media-proxy/origin/engine/process/clip/waveform.ts'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import type { MediaSource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { canEncode, FFMPEG, makeVideo, remakeVideo, SECONDS, withFile } from '../videos.ts'
import { colourOf, framesOf, inspectClip, loudShare } from './clip-facts.ts'
import { coloursOf, H264, made, type Overrides, pixelsOf, rendered, sourceOf, TIME } from './render-video.ts'

const libav = await loadLibav()
const HAS_THEORA = await canEncode('libtheora')
const SINE = ['-f', 'lavfi', '-i', 'sine=r=48000:d=3', '-map', '0:v', '-map', '1:a']

describe.skipIf(FFMPEG === undefined || libav === undefined)('odd videos (need FFmpeg and libav)', () => {
  afterAll(() => libav?.pool.close())

  describe('whose store fails in the middle of the file', () => {
    function failing(name: string, bytes: Uint8Array): MediaSource {
      const source = sourceOf(name, bytes)
      return {
        ...source,
        read: (start, end) =>
          end > bytes.length / 2 ? fail('store-unreachable', 'no more') : source.read(start, end),
      }
    }

    it.each<[string, Overrides]>([
      ['copied', {}],
      ['encoded as MP4', { width: 160 }],
      ['encoded as WebM', { format: 'webm', width: 160 }],
      ['made into a preview', { format: 'webp', animated: true }],
    ])('are an error, not a shorter clip, when %s', async (_, overrides) => {
      const video = await makeVideo('mp4', 'testsrc2=s=640x360:r=25', [...H264, '-movflags', '+faststart'])
      expect(await rendered(failing('a.mp4', video), overrides)).toMatchObject({
        code: 'store-unreachable',
      })
    })
  })

  describe('in a large AVI without an index, as of an interrupted recording', () => {
    async function interrupted(): Promise<MediaSource> {
      const avi = await makeVideo('avi', SECONDS, [...SINE, '-c:v', 'mjpeg', '-c:a', 'pcm_s16le'])
      return { ...sourceOf('a.avi', Buffer.alloc(0)), ...withoutIndex(avi, 4 * 2 ** 20) }
    }

    it('have stills from their start to their end', async () => {
      const source = await interrupted()
      const still = async (seconds: number) => {
        const png = await rendered(source, { format: 'png', time: TIME(seconds) })
        return isFailure(png) ? png : colourOf(await pixelsOf(png))
      }
      expect(await still(0.5)).toBe('red')
      expect(await still(2.9)).toBe('blue')
      expect(await still(9)).toBe('blue')
    })

    it('have clips from the requested moment on', async () => {
      const clip = await rendered(await interrupted(), { time: TIME(2.48), durationMs: 200 })
      if (isFailure(clip)) throw new Error(`${clip.code} ${clip.detail}`)
      expect(await coloursOf(clip)).toEqual(['blue'])
      expect((await inspectClip(clip)).times).toHaveLength(5)
    })
  })

  it.each(['mkv', 'flv'])('with several frames at one timestamp are encoded, from %s', async (extension) => {
    const video = await makeVideo(extension, 'testsrc2=s=64x64:r=3000', [...H264, '-bf', '2'], 0.2)
    expect(await inspectClip(await made(`a.${extension}`, video))).toMatchObject({ video: 'h264' })
    const late = await made(`a.${extension}`, video, { time: TIME(3), durationMs: 1000 })
    expect((await inspectClip(late)).times.length).toBeGreaterThan(0)
  })

  describe('with audio', () => {
    async function joined(first: readonly string[], second: readonly string[]): Promise<Buffer> {
      const part = (audio: readonly string[], offset: number) =>
        makeVideo(
          'ts',
          'color=red:s=160x96:r=25:d=1',
          [
            ...['-f', 'lavfi', '-i', 'sine=r=48000:d=1', '-map', '0:v', '-map', '1:a', ...H264, ...audio],
            ...['-output_ts_offset', String(offset)],
          ],
          1,
        )
      return Buffer.concat([await part(first, 0), await part(second, 1)])
    }

    it('whose channel layout changes play to their end', async () => {
      const video = await joined(['-c:a', 'ac3', '-ac', '2'], ['-c:a', 'ac3', '-ac', '6'])
      const clip = await made('a.ts', video)
      expect((await inspectClip(clip)).seconds).toBeCloseTo(2, 0)
      expect(await loudShare(clip)).toBeGreaterThan(0.9)
    })

    it('whose sample rate changes have a waveform with the right share of each part', async () => {
      if (libav === undefined) throw new Error('no libav')
      const quiet = await makeVideo('aac', 'sine=r=22050,volume=0.1', ['-ar', '22050'])
      const loud = await makeVideo('aac', 'sine=r=48000,volume=4', ['-ar', '48000'])
      const peaks = readWaveform(libav, sourceOf('a.aac', Buffer.concat([quiet, loud])), 'aac')
      if (!(peaks instanceof Uint8Array)) throw new Error('no waveform')
      const change = peaks.findIndex((peak) => peak > 64)
      expect(change / peaks.length).toBeCloseTo(0.5, 1)
    })

    it('of several frames in a packet have audio throughout', async () => {
      const video = await makeVideo('ts', SECONDS, [...SINE, ...H264, '-c:a', 'aac', '-shortest'])
      expect(await loudShare(await made('a.ts', video))).toBeGreaterThan(0.95)
    })

    it.each([
      ['wmv', ['-c:v', 'wmv2', '-c:a', 'wmav2']],
      ['mpeg', ['-f', 'vob', '-c:v', 'mpeg2video', '-c:a', 'mp2']],
      ['ts', [...H264, '-c:a', 'mp2']],
      ['avi', ['-c:v', 'mpeg4', '-c:a', 'adpcm_ms']],
      ['mkv', [...H264, '-c:a', 'dca', '-strict', '-2']],
      ['mov', [...H264, '-c:a', 'pcm_mulaw']],
    ])('in a codec that no player supports, in %s, have audio in a clip', async (container, codecs) => {
      const video = await makeVideo(container, SECONDS, [...SINE, ...codecs, '-shortest'])
      for (const format of ['mp4', 'webm'] as const) {
        const clip = await made(`a.${container}`, video, { format })
        expect([format, (await loudShare(clip)) > 0.9]).toEqual([format, true])
      }
    })

    it('that pauses for less than a tenth of a second stay in sync', async () => {
      const video = await makeVideo('mkv', SECONDS, [
        ...['-f', 'lavfi', '-i', "sine=r=48000:d=3,aselect='not(between(t,1,1.06))'"],
        ...['-map', '0:v', '-map', '1:a', ...H264, '-c:a', 'pcm_s16le'],
      ])
      const share = await loudShare(await made('a.mkv', video, { width: 160 }))
      expect(share).toBeGreaterThan(0.95)
      expect(share).toBeLessThan(0.99)
    })

    it('before the first frame keep it when they are copied or encoded', async () => {
      const late = await makeVideo('mkv', SECONDS, [
        ...['-itsoffset', '-1', ...SINE, ...H264, '-c:a', 'aac', '-avoid_negative_ts', 'make_zero'],
      ])
      const clip = await made('a.mkv', late)
      expect((await inspectClip(clip)).times[0]).toBeCloseTo(1, 1)
      const later = await made('a.mkv', late, { width: 160, time: TIME(0.5) })
      expect((await inspectClip(later)).times[0]).toBeCloseTo(0.5, 1)
      expect(await loudShare(later)).toBeGreaterThan(0.95)
    })
  })

  it('play to their end when the container declares a shorter duration', async () => {
    const video = await makeVideo('flv', SECONDS, [...SINE, ...H264, '-c:a', 'aac', '-ar', '44100'])
    video.writeDoubleBE(0.5, video.indexOf('duration') + 'duration'.length + 1)
    const { seconds, times } = await inspectClip(await made('a.flv', video, { width: 160 }))
    expect(seconds).toBeCloseTo(3, 1)
    expect(times).toHaveLength(75)
    const short = await inspectClip(await made('a.flv', video, { width: 160, durationMs: 1000 }))
    expect(short.seconds).toBeCloseTo(1, 1)
  })

  it('without a declared duration last from their first packet of any track to the last', async () => {
    const audio = ['-f', 'lavfi', '-itsoffset', '2', '-i', 'sine=r=48000:d=3', '-map', '0:v', '-map', '1:a']
    const video = await makeVideo('mkv', SECONDS, [...audio, ...H264, '-c:a', 'flac', '-live', '1'], 5)
    const { seconds } = await inspectClip(await made('a.mkv', video, { width: 160 }))
    expect(seconds).toBeCloseTo(5, 1)
    expect(
      (await inspectClip(await made('a.mkv', video, { time: TIME(4.5), width: 160 }))).seconds,
    ).toBeCloseTo(0.5, 1)
  })

  it('with a frame of minutes have a preview no longer than requested', async () => {
    const late = "testsrc2=s=64x64:r=25,setpts='if(lt(N,50),PTS,PTS+100/TB)'"
    const video = await makeVideo('mp4', late, [...H264, '-fps_mode', 'vfr', '-frames:v', '51'], 200)
    const { format, delay = [] } = await sharp(
      await made('a.mp4', video, { format: 'webp', animated: true, durationMs: 5000 }),
    ).metadata()
    expect(format).toBe('webp')
    expect(delay.reduce((sum, milliseconds) => sum + milliseconds, 0)).toBe(5000)
  })

  it.each(['ts', 'mpg'])('of a single frame become a clip of it, from %s', async (extension) => {
    const video = await makeVideo(extension, SECONDS, ['-c:v', 'mpeg2video', '-frames:v', '1'])
    const name = extension === 'mpg' ? 'a.mpeg' : 'a.ts'
    expect((await inspectClip(await made(name, video))).seconds).toBeLessThan(0.1)
  })

  it.each(['flv', 'mkv', 'mp4'])('of a single frame show it at every moment, from %s', async (extension) => {
    const video = await makeVideo(extension, SECONDS, [...H264, '-frames:v', '1'])
    for (const time of [TIME(0.02), TIME(1), { percent: 100 }]) {
      const still = await made(`a.${extension}`, video, { format: 'png', time })
      expect(colourOf(await pixelsOf(still))).toBe('red')
    }
  })

  describe('whose frames change their shape', () => {
    /** Returns the colours at the left edge, in the centre and at the right edge, in the middle of the height. */
    const acrossOf = (pixels: Buffer) =>
      [4, 80, 155].map((x) => {
        const [red = 0, green = 0] = pixels.subarray((48 * 160 + x) * 4)
        return red > 128 ? 'red' : green > 128 ? 'lime' : 'black'
      })

    const part = (extension: string, colour: string, size: string) =>
      makeVideo(extension, `color=${colour}:s=${size}:r=25`, H264, 5)

    async function expectBorders(clip: Buffer): Promise<void> {
      const facts = await inspectClip(clip)
      expect([facts.width, facts.height]).toEqual([160, 96])
      const across = (await framesOf(clip, facts)).map(acrossOf)
      expect([across[0], across.at(-1)]).toEqual([
        ['red', 'red', 'red'],
        ['black', 'lime', 'black'],
      ])
    }

    it('have borders beside the frames of another shape, in stills and in clips', async () => {
      const video = await joinStreams(await part('ts', 'red', '160x96'), await part('ts', 'lime', '96x160'))
      const still = async (seconds: number) =>
        acrossOf(await pixelsOf(await made('a.mkv', video, { format: 'png', time: TIME(seconds) })))
      expect(await still(1)).toEqual(['red', 'red', 'red'])
      expect(await still(9)).toEqual(['black', 'lime', 'black'])
      await expectBorders(await made('a.mkv', video))
    })

    it('are encoded again when the container has a second configuration', async () => {
      const [wide, tall] = [await part('flv', 'red', '160x96'), await part('flv', 'lime', '96x160')]
      await expectBorders(await made('a.flv', joinFlv(wide, tall, 5000)))
    })
  })

  it('show the decodable track when another one is not decodable', async () => {
    const video = await makeVideo('mp4', SECONDS, ['-map', '0:v', '-map', '0:v', ...H264])
    video.write('xxxx', video.indexOf('avc1', video.indexOf('stsd')), 'latin1')
    expect(colourOf(await pixelsOf(await made('a.mp4', video, { format: 'png' })))).toBe('red')
  })

  it.skipIf(!HAS_THEORA)('that are small and in Ogg have a waveform', async () => {
    if (libav === undefined) throw new Error('no libav')
    const video = await makeVideo('ogv', SECONDS, [...SINE, '-c:v', 'libtheora', '-c:a', 'libvorbis'])
    expect(readWaveform(libav, sourceOf('a.ogv', video), 'ogv')).toBeInstanceOf(Uint8Array)
  })
})

const CHUNK_HEAD_BYTES = 8

/**
 * Returns an AVI as its writer leaves it when it is interrupted: without an index, and without sizes. Each frame
 * is as large as given, with zeros after its data, which are generated when they are read.
 */
function withoutIndex(avi: Buffer, frameBytes: number): Pick<MediaSource, 'sizeBytes' | 'read'> {
  const moviAt = avi.indexOf('movi') + 4
  const head = Buffer.from(avi.subarray(0, moviAt))
  head.writeUInt32LE(0, 4)
  head.writeUInt32LE(0, moviAt - 8)
  const pieces = [{ at: 0, bytes: head }]
  let sizeBytes = moviAt
  for (let at = moviAt; avi.toString('latin1', at, at + 4) !== 'idx1'; ) {
    const length = avi.readUInt32LE(at + 4)
    const end = at + CHUNK_HEAD_BYTES + length
    const bytes = Buffer.from(avi.subarray(at, end))
    const isFrame = bytes.toString('latin1', 0, 4) === '00dc'
    if (isFrame) bytes.writeUInt32LE(frameBytes, 4)
    pieces.push({ at: sizeBytes, bytes })
    sizeBytes += CHUNK_HEAD_BYTES + (isFrame ? frameBytes : length + (length % 2))
    at = end + (length % 2)
  }
  return {
    sizeBytes,
    read(start, end) {
      const part = Buffer.alloc(end - start)
      for (const { at, bytes } of pieces)
        if (at < end && at + bytes.length > start)
          bytes.copy(part, Math.max(0, at - start), Math.max(0, start - at), Math.min(bytes.length, end - at))
      return part
    },
  }
}

/** Joins two transport streams to a Matroska file. */
function joinStreams(first: Buffer, second: Buffer): Promise<Buffer> {
  return withFile(first, (before) =>
    withFile(second, (after) => remakeVideo({ path: `concat:${before}|${after}` }, 'mkv', ['-c', 'copy'])),
  )
}

const FLV_HEAD_BYTES = 13
const FLV_TAG_BYTES = 11

/** Appends the frames and the configuration of an FLV to another one, shifted by a number of milliseconds. */
function joinFlv(first: Buffer, second: Buffer, shiftMs: number): Buffer {
  const shifted = Buffer.from(second.subarray(FLV_HEAD_BYTES))
  for (let at = 0; at < shifted.length; at += FLV_TAG_BYTES + shifted.readUIntBE(at + 1, 3) + 4)
    shifted.writeUIntBE(shifted.readUIntBE(at + 4, 3) + shiftMs, at + 4, 3)
  return Buffer.concat([first, shifted])
}
