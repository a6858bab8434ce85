/** Tests real and hostile videos and audio files from other sources. `MEDIA_CORPUS` names their folder. */

import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readAudio } from '@media-proxy/origin/engine/process/video/audio.ts'
import { readThreeFrames } from '@media-proxy/origin/engine/process/video/frames.ts'
import { openVideo, type Video } from '@media-proxy/origin/engine/process/video/video.ts'
import { mediaKindOfName } from '@media-proxy/origin/media/kinds.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { videoTools } from '../video-tools.ts'
import { partsOf } from '../videos.ts'

const CORPUS = process.env.MEDIA_CORPUS
const tools = videoTools

const open = (name: string, file = readFileSync(join(CORPUS ?? '', name))) => {
  const kind = mediaKindOfName(name)
  if (kind?.kind !== 'video') throw new Error(`${name} has no name of a video`)
  return openVideo(tools, partsOf(file), kind.format)
}

async function opened(name: string): Promise<Video> {
  const video = await open(name)
  if (isFailure(video)) throw new Error(`${name}: ${video.code} ${video.detail}`)
  return video
}

describe.skipIf(CORPUS === undefined)('the corpus of videos (skipped without MEDIA_CORPUS)', () => {
  it.each([
    ['video/bbb-480p-moov-first.mp4', [853, 480, 10.03, 'h264', ['aac']]],
    ['video/bbb-480p-moov-last.mp4', [853, 480, 10.03, 'h264', ['aac']]],
    ['video/av1.mp4', [1280, 720, 8.364, 'av1', ['aac']]],
    ['video/vp8-alpha.webm', [720, 576, 12.04, 'vp8', []]],
    ['video/vp9.mkv', [640, 480, 7.407, 'vp9', ['aac']]],
    ['video/mpeg4-one-frame.mp4', [256, 144, 0.033, 'mpeg4', []]],
  ] as const)('yields info and stills of %s', async (name, [width, height, seconds, codec, audio]) => {
    const video = await opened(name)
    const { info } = video
    expect([info.video.width, info.video.height, info.video.codec]).toEqual([width, height, codec])
    expect(info.durationSeconds).toBeCloseTo(seconds, 2)
    expect(info.audio).toEqual(audio)
    const frames = await readThreeFrames(video)
    await video.close()
    if (isFailure(frames)) throw new Error(frames.detail)
    expect(frames.map((frame) => [frame.width, frame.height])).toEqual(
      Array(name.includes('one-frame') ? 1 : 3).fill([width, height]),
    )
    const times = frames.map(({ timestampSeconds }) => timestampSeconds)
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b))
    expect(frames[0]?.channels).toBe(name.includes('alpha') ? 4 : 3)
  })

  it.each([
    ['audio/tos.mp3', 3.0302, 'mp3'],
    ['audio/tos.wav', 3.000113, 'pcm_s16le'],
    ['audio/tos.flac', 3.000113, 'flac'],
    ['audio/tos.ogg', 3, 'vorbis'],
    ['audio/tos.aac', 3.0, 'aac'],
  ] as const)('yields info of %s', async (name, seconds, codec) => {
    const kind = mediaKindOfName(name)
    if (kind?.kind !== 'audio') throw new Error('no kind')
    const info = await readAudio(tools, partsOf(readFileSync(join(CORPUS ?? '', name))), kind.format)
    if (isFailure(info)) throw new Error(info.detail)
    expect(info.audio).toEqual([codec])
    expect(info.durationSeconds).toBeGreaterThan(seconds - 0.05)
    expect(info.durationSeconds).toBeLessThan(seconds + 0.1)
  })

  it.each([
    'hostile/chunk-out-of-range.mp4',
    'hostile/zero-length-atom.mp4',
    'hostile/hls-read-passwd.mp4',
    'hostile/hls-ssrf.avi',
  ])('%s is rejected', async (name) => {
    const result = await checked(await open(name))
    expect(isFailure(result) ? result.code : 'a frame').toBe('undecodable')
    await nothingIsLeft()
  })

  const truncated = ['video/bbb-480p-moov-first.mp4', 'video/bbb-480p-moov-last.mp4', 'video/av1.mp4']
  truncated.push('video/vp8-alpha.webm', 'video/vp9.mkv')
  it.each(truncated)('%s cut at every tenth is rejected or shown', async (name) => {
    const whole = await readFile(join(CORPUS ?? '', name))
    for (let tenth = 1; tenth < 10; tenth += 1) {
      const part = whole.subarray(0, Math.floor((whole.length * tenth) / 10))
      const result = await checked(await open(name, part))
      const outcome = isFailure(result) ? result.code : 'frame'
      expect(['frame', 'undecodable', 'not-visual'], `${tenth} tenths: ${outcome}`).toContain(outcome)
    }
    await nothingIsLeft()
  })
})

/** Returns the first frame of an opened video. */
async function checked(video: Video | Failure) {
  if (isFailure(video)) return video
  try {
    return await video.readFrame(undefined)
  } finally {
    await video.close()
  }
}

/** Expects that no child of this process and no temporary file is left. */
async function nothingIsLeft(): Promise<void> {
  expect(
    (await readdir(tmpdir())).filter(
      (name) => name.startsWith('media-proxy-video-') && name.includes(`-${process.pid}-`),
    ),
  ).toEqual([])
  const children = `/proc/self/task/${process.pid}/children`
  if (existsSync(children)) await expect.poll(() => readFileSync(children, 'utf8').trim()).toBe('')
}
