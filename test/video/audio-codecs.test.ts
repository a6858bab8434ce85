/** Tests the audio of videos: which tracks are accepted, and what is rejected when none is. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

const SECRET = 'a-secret-for-tests'
const REFUSED = 'File contains unsupported or non-web-compatible codecs'
const SINE = ['-f', 'lavfi', '-i', 'sine=r=48000:d=2']
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast']
const MPEG4 = ['-c:v', 'mpeg4', '-q:v', '5']
const MJPEG = ['-c:v', 'mjpeg', '-q:v', '5', '-pix_fmt', 'yuvj420p']
const PRORES = ['-c:v', 'prores_ks', '-profile:v', '0']

/** Builds a video with audio tracks in this order. */
function videoFile(
  extension: string,
  video: readonly string[],
  audioFiles: readonly string[],
): Promise<Buffer> {
  const maps = ['-map', '0:v', ...audioFiles.flatMap(() => ['-map', '1:a'])]
  const coders = audioFiles.flatMap((audio, track) => [`-c:a:${track}`, audio])
  return makeVideo(extension, SECONDS, [...SINE, ...maps, ...video, ...coders], 2)
}

/** Returns the video with the codec name of its first audio track replaced by an unknown one. */
function renamed(file: Buffer, codec: string, name: string): Buffer {
  const copy = Buffer.from(file)
  const at = copy.indexOf(codec, Math.max(0, copy.indexOf('soun', 0, 'latin1')), 'latin1')
  expect(at).toBeGreaterThan(0)
  copy.write(name, at, 'latin1')
  return copy
}

const ACCEPTED = [
  ['mp4', H264, ['aac', 'ac3']],
  ['mp4', H264, ['ac3', 'aac']],
  ['mp4', H264, ['ac3']],
  ['mp4', H264, ['eac3']],
  ['mp4', H264, ['alac']],
  ['mp4', MPEG4, ['aac']],
  ['mov', H264, ['pcm_s16be']],
  ['mov', H264, ['pcm_s24be']],
  ['mov', H264, ['pcm_u8']],
  ['mov', MJPEG, ['pcm_s16le']],
  ['mov', PRORES, ['pcm_s24le']],
  ['mkv', H264, ['mp2', 'aac']],
  ['mkv', H264, ['aac', 'pcm_alaw']],
  ['mkv', MPEG4, ['alac']],
  ['mkv', PRORES, ['pcm_s16le']],
  ['avi', MPEG4, ['libmp3lame']],
  ['avi', MPEG4, ['ac3']],
  ['avi', MPEG4, ['aac']],
  ['avi', MJPEG, ['pcm_s16le']],
  ['avi', MJPEG, ['pcm_u8']],
] as const

describe.skipIf(FFMPEG === undefined).each([
  ['libav', {}],
  ['FFmpeg’s binary', { MEDIA_PROXY_ENGINE_LIBAV: 'false' }],
])('videos decoded by %s (skipped without FFmpeg)', (_, settings) => {
  let service: Service

  beforeAll(async () => {
    service = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_NSFW_ENABLED: 'true',
      // Whether a video is accepted must not depend on how much of it is scanned.
      MEDIA_PROXY_NSFW_FRAMES: '1',
      ...settings,
    })
  })
  afterAll(() => service.close())

  /**
   * Returns the results of `/_metadata` with and without a scan, and of stills of the first, the last and
   * another frame.
   */
  async function answers(name: string, bytes: Buffer): Promise<readonly string[]> {
    await service.put(`attachments/1/${name}`, bytes)
    await service.put(name, bytes, undefined, 'uploads')
    const summarize = ({ status, body }: { status: number; body: Buffer }) =>
      status === 200 ? '200' : `${status} ${body}`
    const summaries = [true, false].map((isNSFWAllowed) =>
      send(service.url, '/_metadata', {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'upload', upload_filename: name, isNSFWAllowed }),
      }),
    )
    const stills = ['', '&time=0.5', '&time=100%25'].map((time) =>
      send(service.url, `/attachments/1/${name}?format=webp&width=64${time}`),
    )
    return (await Promise.all([...summaries, ...stills])).map(summarize)
  }

  it.each(ACCEPTED)(
    'in %s with %j and the audio tracks %j are accepted',
    async (extension, video, audioFiles) => {
      const name = `${video[1]}-${audioFiles.join('-')}.${extension}`
      expect(await answers(name, await videoFile(extension, video, audioFiles))).toEqual(Array(5).fill('200'))
    },
  )

  it.each([
    ['mp4', ['aac', 'aac'], 'mp4a', 'apac'],
    ['mov', ['pcm_s16le', 'aac'], 'sowt', 'xxxx'],
    ['mkv', ['ac3', 'aac'], 'A_AC3', 'A_XYZ'],
  ] as const)(
    'in %s with the audio tracks %j are accepted when the first is unknown',
    async (extension, audioFiles, from, to) => {
      const file = renamed(await videoFile(extension, H264, audioFiles), from, to)
      expect(await answers(`unknown-first.${extension}`, file)).toEqual(Array(5).fill('200'))
    },
  )

  it.each([
    ['mp4', 'ac3', 'ac-3', 'apac'],
    ['mkv', 'ac3', 'A_AC3', 'A_XYZ'],
  ] as const)(
    'in %s with only an unknown audio track are rejected, but have stills',
    async (extension, audio, from, to) => {
      const file = renamed(await videoFile(extension, H264, [audio]), from, to)
      const refused = `400 ${REFUSED}`
      expect(await answers(`unknown.${extension}`, file)).toEqual([refused, refused, '200', '200', '200'])
    },
  )

  it.each([
    ['avi', MPEG4, 'libmp3lame'],
    ['avi', MPEG4, 'aac'],
    ['avi', MJPEG, 'pcm_s16le'],
    ['mkv', H264, 'aac'],
    ['mkv', MPEG4, 'libmp3lame'],
  ] as const)(
    'in %s with %j and %s are shown up to their end when they are cut off',
    async (extension, video, audio) => {
      const whole = await videoFile(extension, video, [audio])
      const file = whole.subarray(0, Math.floor(whole.length * 0.6))
      expect(await answers(`cut-${video[1]}-${audio}.${extension}`, file)).toEqual(Array(5).fill('200'))
    },
  )
})
