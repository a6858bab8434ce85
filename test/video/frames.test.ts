import type { Ffmpeg } from '@media-proxy/origin/engine/process/ffmpeg/ffmpeg.ts'
import { createFfmpegDecoder } from '@media-proxy/origin/engine/process/ffmpeg/ffmpeg-decoder.ts'
import { threeFrames, threeTimestamps } from '@media-proxy/origin/engine/process/timestamps/timestamps.ts'
import { readThreeFrames } from '@media-proxy/origin/engine/process/video/frames.ts'
import { openVideo } from '@media-proxy/origin/engine/process/video/video.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { ffmpeg, LIMITS } from '../video-tools.ts'
import { canEncode, FFMPEG, makeVideo, partsOf, SECONDS } from '../videos.ts'

describe('three moments', () => {
  it.each([
    [0, [0, 0, 0]],
    [0.6, [0.1, 0.3, 0.5]],
    [1.9, [1.9 / 6, 1.9 / 2, (5 * 1.9) / 6]],
    [2, [1, 1.5, 2]],
    [2.4, [1, 1.5, 2]],
    [3, [1, 1.5, 2]],
    [5, [1, 2.5, 4]],
    [10, [1.5, 5, 9]],
    [15, [2, 7.5, 14]],
    [600, [2, 300, 599]],
  ])('are inside a video of %d seconds', (seconds, timestamps) => {
    const found = threeTimestamps(seconds)
    for (const [index, timestamp] of timestamps.entries()) expect(found[index]).toBeCloseTo(timestamp, 9)
  })

  it.each([
    [[0, 0, 0], 1, [0]],
    [[0, 1, 1], 2, [0, 1]],
    [[1, 2, 2], 3, [0, 1, 2]],
    [[0, 0, 0], 9, [0, 1, 2]],
    [[8, 8, 8], 9, [6, 7, 8]],
    [[4, 4, 4], 9, [4, 5, 6]],
    [[1, 4, 8], 9, [1, 4, 8]],
    [[3, 3, 8], 9, [3, 4, 8]],
  ])('become different frames: %j of %i', (wanted, frames, different) => {
    expect(threeFrames(wanted, frames)).toEqual(different)
  })
})

/** Wraps FFmpeg to count the children that are started. */
function counting(bare: Ffmpeg): Ffmpeg & { readonly runs: number } {
  let runs = 0
  return {
    binary: bare.binary,
    run(job) {
      runs += 1
      return bare.run(job)
    },
    get runs() {
      return runs
    },
  }
}

const X264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-crf', '10']
const X265 = ['-c:v', 'libx265', '-pix_fmt', 'yuv420p']

describe.skipIf(FFMPEG === undefined)('three frames (skipped without FFmpeg)', () => {
  it.each([
    [
      'H.264 from one key frame',
      'mp4',
      'libx264',
      [...X264, '-g', '250', '-sc_threshold', '0', '-bf', '3'],
      1,
    ],
    ['H.264 from several', 'mp4', 'libx264', [...X264, '-g', '20', '-bf', '3'], 1],
    ['H.264 from key frames alone', 'mkv', 'libx264', [...X264, '-g', '1'], 1],
    [
      'H.264 with open groups',
      'mp4',
      'libx264',
      [...X264, '-x264-params', 'open-gop=1:keyint=20:bframes=3'],
      undefined,
    ],
    ['HEVC', 'mp4', 'libx265', [...X265, '-x265-params', 'log-level=none:keyint=20:open-gop=0'], 1],
    [
      'HEVC with open groups',
      'mp4',
      'libx265',
      [...X265, '-x265-params', 'log-level=none:keyint=20:open-gop=1'],
      undefined,
    ],
    ['VP8', 'webm', 'libvpx', ['-c:v', 'libvpx', '-b:v', '2M', '-g', '20'], 1],
    [
      'VP9',
      'webm',
      'libvpx-vp9',
      ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '20'],
      1,
    ],
    ['AV1', 'mp4', 'libsvtav1', ['-c:v', 'libsvtav1', '-preset', '12', '-g', '20'], 1],
    ['MPEG-4 in AVI', 'avi', 'mpeg4', ['-c:v', 'mpeg4', '-q:v', '2'], 3],
  ] as const)('are read from %s', async (name, extension, encoder, output, children) => {
    // An FFmpeg without the encoder cannot make the video, so it is not tested.
    if (!(await canEncode(encoder))) return console.warn(`${name}: no encoder ${encoder}, not tried`)
    const file = await makeVideo(extension, SECONDS, output)
    if (ffmpeg === undefined) throw new Error('no FFmpeg')
    const counted = counting(ffmpeg)
    const decoder = async () => createFfmpegDecoder(counted, LIMITS.temporaryFileBytes)
    const video = await openVideo({ decoder, limits: LIMITS }, partsOf(file), extension)
    if (isFailure(video)) throw new Error(video.detail)
    const frames = await readThreeFrames(video)
    await video.close()
    if (isFailure(frames)) throw new Error(frames.detail)
    expect(frames.map(({ data }) => colourOf(data))).toEqual(['lime', 'lime', 'blue'])
    const times = frames.map(({ timestampSeconds }) => timestampSeconds)
    expect(times[0]).toBeCloseTo(1, 2)
    expect(Math.abs((times[1] ?? 0) - 1.5)).toBeLessThanOrEqual(0.021)
    expect(times[2]).toBeCloseTo(2, 2)
    if (children !== undefined) expect(counted.runs).toBe(children)
  })
})

function colourOf(pixels: Uint8Array): string {
  const [red = 0, green = 0, blue = 0] = pixels.subarray(pixels.length - 3)
  return red > green && red > blue ? 'red' : green > blue ? 'lime' : 'blue'
}
