/** Tests clips of videos: their content, timing and size, and what is rejected. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { CORPUS } from '../corpus/corpus.ts'
import { send } from '../http.ts'
import { openEdge } from '../services.ts'
import { CORNERS, FFMPEG, makeVideo, remakeVideo, SECONDS, withFile } from '../videos.ts'
import { openClipClient, SECRET } from './clip-client.ts'
import {
  type ClipFacts,
  colourOf,
  even,
  flashesAndBeeps,
  framesOf,
  inspectClip,
  packetsOf,
  TOLERANCE,
} from './clip-facts.ts'

const libav = await loadLibav()
const VP8 = ['-c:v', 'libvpx', '-b:v', '1M', '-deadline', 'realtime', '-cpu-used', '8']
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-crf', '12']
/** Removes the settings that x264 stores in the first frame, which a clip does not keep. */
const NO_USER_DATA = ['-bsf:v', 'filter_units=remove_types=6']
const COUNTING = 'testsrc2=s=320x192:r=25'
const SINE = ['-f', 'lavfi', '-i', 'sine=r=48000:d=3', '-map', '0:v', '-map', '1:a']

describe.skipIf(FFMPEG === undefined || libav === undefined)('clips (need FFmpeg and libav)', () => {
  const client = openClipClient()
  const { ask, clip } = client

  describe('of a video', () => {
    it.each([
      ['mp4', 'h264', 'aac'],
      ['webm', 'vp9', 'opus'],
    ])('has in %s the codecs %s and %s', async (format, video, audio) => {
      const videoFile = await makeVideo('mov', SECONDS, [...SINE, ...H264, '-c:a', 'pcm_s16le'])
      const body = await clip('plain.mov', videoFile, `format=${format}&width=160`)
      const facts = await inspectClip(body)
      expect(facts).toMatchObject({ video, audio, width: 160, height: 96, pixels: 'yuv420p' })
      expect(facts.seconds).toBeCloseTo(3, 1)
      await expectSeconds(body, facts)
    })

    it.each([
      ['rotated', 'mp4', [...H264], ['-metadata:s:v', 'rotate=90']],
      ['in HEVC', 'mp4', ['-c:v', 'libx265', '-x265-params', 'log-level=0', '-pix_fmt', 'yuv420p'], []],
      ['of odd sides', 'mkv', ['-vf', 'scale=319:191,setsar=1', ...VP8], []],
      ['interlaced MPEG-2', 'ts', ['-c:v', 'mpeg2video', '-q:v', '2', '-flags', '+ilme+ildct'], []],
      ['of full range', 'mkv', [...H264, '-vf', 'scale=out_range=full', '-color_range', 'pc'], []],
    ])('shows the same frame as a still of a video that is %s', async (_, extension, output, rotation) => {
      const made = await makeVideo(extension === 'mp4' ? 'mp4' : extension, CORNERS, output, 1)
      const video =
        rotation.length === 0
          ? made
          : await withFile(made, (path) => remakeVideo({ path }, 'mp4', [...rotation, '-c', 'copy']))
      const name = `${extension}-${output.length}.${extension}`
      const body = await clip(name, video, 'format=mp4&quality=90')
      const still = await ask(name, video, 'format=png')
      const facts = await inspectClip(body)
      const { data, info } = await sharp(still.body).removeAlpha().raw().toBuffer({ resolveWithObject: true })
      expect([facts.width, facts.height]).toEqual([even(info.width), even(info.height)])
      const [first] = await framesOf(body, facts)
      for (const [x, y] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ] as const) {
        const at = Math.floor(y * info.height) * info.width + Math.floor(x * info.width)
        const there = Math.floor(y * facts.height) * facts.width + Math.floor(x * facts.width)
        for (const channel of [0, 1, 2])
          expect(
            Math.abs((data[at * 3 + channel] ?? 0) - (first?.[there * 4 + channel] ?? 999)),
          ).toBeLessThan(TOLERANCE)
      }
    })

    it('copies the packets of codecs that every player supports', async () => {
      const video = await makeVideo('mkv', SECONDS, [
        ...SINE,
        ...H264,
        ...NO_USER_DATA,
        '-bf',
        '2',
        '-c:a',
        'aac',
      ])
      const body = await clip('playable.mkv', video, 'format=mp4')
      expect(await packetsOf(body)).toEqual(await packetsOf(video))
      expect((await inspectClip(body)).seconds).toBeCloseTo(3, 1)
      expect(body.indexOf('moov')).toBeLessThan(body.indexOf('mdat'))
    })

    it('has no data that a camera stored in the coded frames, also when they are copied', async () => {
      const place = 'sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+48.8577N'
      const output = [...H264, '-bsf:v', `h264_metadata=${place}`, '-movflags', 'use_metadata_tags']
      const video = await makeVideo('mp4', SECONDS, [...output, '-metadata', 'location=+48.8577N'])
      expect(video.includes('48.8577N')).toBe(true)
      const body = await clip('dashboard.mp4', video, 'format=mp4')
      expect(body.includes('48.8577N')).toBe(false)
      const [copied, source] = await Promise.all([body, video].map((file) => packetsOf(file)))
      expect(copied?.['0']?.slice(1)).toEqual(source?.['0']?.slice(1))
      expect((await inspectClip(body)).times).toEqual((await inspectClip(video)).times)
    })

    it('contains the complete frames of a truncated video, and nothing else', async () => {
      const output = [...H264, ...NO_USER_DATA, '-bf', '0', '-movflags', '+faststart']
      const video = await makeVideo('mp4', COUNTING, output)
      const end = video.indexOf('mdat') + Math.round(video.length / 2)
      const body = await clip('truncated.mp4', video.subarray(0, end), 'format=mp4')
      const whole = (await packetsOf(video))['0'] ?? []
      const copied = (await packetsOf(body))['0'] ?? []
      expect(copied.length).toBeGreaterThan(10)
      expect(copied).toEqual(whole.slice(0, copied.length))
      expect((await inspectClip(body)).times).toHaveLength(copied.length)
    })

    it('is encoded again when a frame is damaged, because a player would stop there', async () => {
      const video = await makeVideo('mp4', COUNTING, [...H264, '-bf', '0', '-g', '5'])
      let at = video.indexOf('mdat') + 4
      for (let unit = 0; unit < 40; unit += 1) at += 4 + video.readUInt32BE(at)
      video.writeUInt32BE(video.readUInt32BE(at) - 4, at)
      video.writeUInt32BE(0, at + 4 + video.readUInt32BE(at))
      const facts = await inspectClip(await clip('damaged.mp4', video, 'format=mp4'))
      expect(facts.seconds).toBeCloseTo(3, 1)
      expect(facts.times.length).toBeGreaterThan(70)
    })

    it.each([
      ['format=mp4&audio=false', { audio: undefined }],
      ['format=mp4&duration=1', { seconds: 1 }],
      ['format=mp4&time=1&duration=1.5', { seconds: 1.5 }],
      ['format=mp4&fps=5', { rate: 5 }],
      ['format=webm&time=50%25&width=80', { seconds: 1.5, width: 80 }],
    ])('has the properties that %s asks for', async (query, expected) => {
      const video = await makeVideo('mp4', SECONDS, [...SINE, ...H264, '-c:a', 'aac'])
      const facts = await inspectClip(await clip('asked.mp4', video, query))
      for (const [name, value] of Object.entries(expected)) {
        const got = facts[name as keyof ClipFacts]
        if (typeof value === 'number') expect(got, name).toBeCloseTo(value, 1)
        else expect(got, name).toBe(value)
      }
    })

    it('begins with the frame that is shown at its start time', async () => {
      const video = await makeVideo('mp4', SECONDS, [...H264, '-g', '250'])
      const body = await clip('late.mp4', video, 'format=mp4&time=1.5&duration=1')
      const frames = await framesOf(body, await inspectClip(body))
      expect(colourOf(frames[0])).toBe('lime')
      expect(colourOf(frames.at(-1))).toBe('blue')
    })

    it.each(['mp4', 'webm'])('has its audio in sync with its frames in %s', async (format) => {
      const video = await makeVideo('mov', BEEPING, [...BEEPS, ...H264, '-c:a', 'pcm_s16le'], 4)
      const { flashes, beeps } = await flashesAndBeeps(
        await clip('beeps.mov', video, `format=${format}&width=64`),
      )
      expect(flashes.length).toBe(4)
      expect(beeps.length).toBe(4)
      for (const [index, flash] of flashes.entries())
        expect(Math.abs(flash - (beeps[index] ?? 99)), `beep ${index}`).toBeLessThan(0.04)
    })

    it.each([
      ['webm', [...VP8, '-c:a', 'libopus', '-f', 'webm']],
      ['mkv', [...H264, '-c:a', 'aac', '-f', 'matroska']],
    ])('contains all of a recording in %s that declares no duration', async (extension, output) => {
      const video = await makeVideo(extension, SECONDS, [...SINE, '-live', '1', ...output])
      const facts = await inspectClip(await clip(`recorded.${extension}`, video, 'format=mp4'))
      expect(facts.seconds).toBeCloseTo(3, 0)
      expect(facts.audio).toBe('aac')
      const { status, body } = await ask(`recorded.${extension}`, video, 'format=webp&animated=true&width=80')
      expect([status, (await sharp(body, { pages: -1 }).metadata()).pages]).toEqual([200, 3])
    })

    it('mixes six channels down to stereo', async () => {
      const video = await makeVideo('mkv', SECONDS, [
        ...SINE,
        ...H264,
        ...['-c:a', 'ac3', '-ac', '6', '-ar', '48000'],
      ])
      expect(await inspectClip(await clip('surround.mkv', video, 'format=mp4&width=64'))).toMatchObject({
        audio: 'aac',
        channels: 'stereo',
      })
    })

    it.each([
      ['fit=cover&width=10&height=10', 'a size that crops'],
      ['fps=31', 'too many frames per second'],
      ['fps=0', 'no frames per second'],
      ['duration=0', 'no duration'],
      ['duration=50%25', 'a duration that is not in seconds'],
    ])('is rejected with %s: %s', async (query) => {
      const video = await makeVideo('mp4', SECONDS, H264, 1)
      expect((await ask('rejected.mp4', video, `format=mp4&${query}`)).status).toBe(400)
    })

    it('is rejected before it starts when it would cost too much', async () => {
      const video = await makeVideo('mp4', 'color=red:s=3840x2160:r=60', [...H264, '-g', '10'], 1 / 6)
      const long = await withFile(video, (path) =>
        remakeVideo({ path }, 'mp4', ['-c', 'copy'], ['-stream_loop', '400']),
      )
      const { status, body } = await ask('huge.mp4', long, 'format=webm&width=3840')
      expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
    })
  })

  describe('of an attack on its cost', () => {
    it('is cut to the longest allowed duration, however long the video is', async () => {
      const video = await makeVideo('mp4', 'color=red:s=16x16:r=1', [...H264, '-g', '600'], 36_000)
      const facts = await inspectClip(await clip('ten-hours.mp4', video, 'format=mp4&quality=50'))
      expect(facts.seconds).toBeCloseTo(60, 0)
      expect((await ask('ten-hours.mp4', video, 'sprite=2x2&width=16')).headers['x-sprite-interval']).toBe(
        '9000.000',
      )
    })

    it('has at most sixty frames per second', async () => {
      const video = await makeVideo('mp4', 'testsrc2=s=64x64:r=1000', H264, 1)
      expect((await inspectClip(await clip('fast.mp4', video, 'format=mp4&quality=50'))).rate).toBeLessThan(
        61,
      )
    })

    it('is rejected for more frames than an animation may have', async () => {
      const frames = await makeVideo('gif', 'testsrc2=s=16x16:r=50', [], 62)
      const { status, body } = await ask('frames.gif', frames, 'format=mp4')
      expect([status, body.toString()]).toEqual([400, 'Image dimensions too large: too many frames'])
    })
  })

  it.each(['mp4', 'webm'])('have the same bytes each time they are made, in %s', async (format) => {
    const video = await makeVideo('mov', SECONDS, [...SINE, ...H264, '-c:a', 'pcm_s16le'])
    const query = `format=${format}&width=64`
    const [one, other] = [await clip('one.mov', video, query), await clip('other.mov', video, query)]
    expect(one.equals(other)).toBe(true)
  })

  it('answer ranges, conditions and two callers with the same bytes, at the edge and at the origin', async () => {
    const edge = await openEdge({ MEDIA_PROXY_SECRET_KEY: SECRET, MEDIA_PROXY_NSFW_ENABLED: 'false' })
    try {
      const video = await makeVideo('mov', SECONDS, [...SINE, ...H264, '-c:a', 'pcm_s16le'])
      for (const each of [client.service, edge]) await each.put('attachments/1/both.mov', video)
      const path = '/attachments/1/both.mov?format=mp4&width=64'
      const [one, other] = await Promise.all([send(edge.url, path), send(edge.url, path)])
      expect([one.status, other.status]).toEqual([200, 200])
      expect(one.body.equals(other.body)).toBe(true)
      const bare = await send(client.service.url, path)
      expect(bare.body.equals(one.body)).toBe(true)
      const part = await send(edge.url, path, { headers: { range: 'bytes=0-99' } })
      expect([part.status, part.body.length]).toEqual([206, 100])
      const known = await send(edge.url, path, { headers: { 'if-none-match': one.headers.etag ?? '' } })
      expect(known.status).toBe(304)
    } finally {
      await edge.close()
    }
  })
})

describe.skipIf(CORPUS === undefined || FFMPEG === undefined || libav === undefined)(
  'clips of the corpus (need MEDIA_CORPUS, FFmpeg and libav)',
  () => {
    const client = openClipClient()

    it.each(['mp4', 'webm'])('have in %s less than 15 percent of the bytes of a GIF', async (format) => {
      const gif = await readFile(join(CORPUS ?? '', 'wild/mb.gif'))
      await client.service.put('attachments/1/mb.gif', gif)
      const { body } = await send(client.service.url, `/attachments/1/mb.gif?format=${format}`)
      expect(body.length).toBeLessThan(0.15 * gif.length)
      expect((await inspectClip(body)).seconds).toBeCloseTo(2.99, 2)
    })

    it.each([
      'iphone_apac.mov',
      'cut.mp4',
      'full.avi',
      'trunc.avi',
      'v.3gp',
      'v.flv',
      'v.ogv',
      'v.ts',
      'v.wmv',
      'two-seconds.mp4',
      'sef-svc-prefix.mp4',
    ])('begin with the first frame of %s', async (name) => {
      await client.service.put(`attachments/1/${name}`, await readFile(join(CORPUS ?? '', 'wild', name)))
      const { status, body } = await send(client.service.url, `/attachments/1/${name}?format=mp4&quality=95`)
      expect(status, client.service.log.at(-1)?.detail).toBe(200)
      const facts = await inspectClip(body)
      const [first] = await framesOf(body, facts)
      const still = await send(client.service.url, `/attachments/1/${name}?format=png&width=${facts.width}`)
      const { data } = await sharp(still.body)
        .resize(facts.width, facts.height, { fit: 'fill' })
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true })
      let difference = 0
      for (let at = 0; at < data.length; at += 1)
        difference += Math.abs((data[at] ?? 0) - (first?.[Math.floor(at / 3) * 4 + (at % 3)] ?? 0))
      expect(difference / data.length).toBeLessThan(6)
    })
  },
)

/** A flash and a beep at the start of each second. */
const BEEPING = "color=black:s=128x96:r=25:d=4,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.2)'"
const BEEPS = [
  ...['-f', 'lavfi', '-i', "aevalsrc='if(lt(mod(t,1),0.2),0.6*sin(2*PI*1000*t),0)':s=48000:d=4"],
  ...['-map', '0:v', '-map', '1:a'],
]

async function expectSeconds(body: Buffer, facts: ClipFacts): Promise<void> {
  const frames = await framesOf(body, facts)
  for (const [second, colour] of ['red', 'lime', 'blue'].entries())
    expect(colourOf(frames[Math.round((second + 0.5) * 25)])).toBe(colour)
}
