/** Both decoders choose the same frame for a moment. */

import { openVideo, type VideoTools } from '@media-proxy/origin/engine/process/video/video.ts'
import type { VideoFormat } from '@media-proxy/origin/media/kinds.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { CORPUS, readCorpus } from '../corpus/corpus.ts'
import { meanDifference } from '../pixels.ts'
import { ffmpegTools, libavTools } from '../video-tools.ts'
import { FFMPEG, makeVideo, partsOf } from '../videos.ts'

const libav = await libavTools.libav()
afterAll(() => libav?.pool.close())

const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-bf', '2']
const MPEG4 = ['-c:v', 'mpeg4', '-q:v', '3']
/** Moments in four seconds at 24 frames per second: on frames, between them, and past the end. */
const TIMESTAMPS = [undefined, 0, 0.02, 1, 1.041, 1.042, 2.5, 3.95, 3.96, 4, 99]
/** The mean difference between two builds of a decoder and of its scaler, out of 255. */
const TOLERANCE = 2

async function framesOf(
  tools: VideoTools,
  bytes: Buffer,
  format: VideoFormat,
  timestamps: typeof TIMESTAMPS,
) {
  const video = await openVideo(tools, partsOf(bytes), format)
  if (isFailure(video)) throw new Error(video.detail)
  const frames = []
  for (const timestamp of timestamps) {
    const frame = await video.readFrame(timestamp)
    if (isFailure(frame)) throw new Error(`at ${timestamp}: ${frame.detail}`)
    frames.push(frame)
  }
  await video.close()
  return frames
}

async function expectSame(bytes: Buffer, format: VideoFormat, timestamps: typeof TIMESTAMPS): Promise<void> {
  const byLibav = await framesOf(libavTools, bytes, format, timestamps)
  const byBinary = await framesOf(ffmpegTools, bytes, format, timestamps)
  for (const [index, timestamp] of timestamps.entries()) {
    const [ours, theirs] = [byLibav[index], byBinary[index]]
    expect(theirs?.timestampSeconds, `at ${timestamp}`).toBeCloseTo(ours?.timestampSeconds ?? Number.NaN, 2)
    const difference = meanDifference(ours?.data ?? new Uint8Array(), theirs?.data ?? new Uint8Array())
    expect(difference, `at ${timestamp}`).toBeLessThan(TOLERANCE)
  }
}

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'libav and the binary of FFmpeg (these tests need both)',
  () => {
    it.each([
      ['MP4', 'mp4', 'mp4', [...H264, '-g', '48']],
      ['MP4 with one key frame', 'mp4', 'mp4', [...H264, '-g', '999', '-sc_threshold', '0']],
      ['MPEG-4 in MP4', 'mp4', 'mp4', [...MPEG4, '-g', '48', '-bf', '2']],
      ['Matroska', 'mkv', 'mkv', [...H264, '-g', '48']],
      ['WebM', 'webm', 'webm', ['-c:v', 'libvpx', '-deadline', 'realtime', '-g', '48']],
      ['H.264 in AVI', 'avi', 'avi', ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-bf', '0', '-g', '48']],
      ['MPEG-4 in AVI', 'avi', 'avi', [...MPEG4, '-g', '48']],
      [
        'MPEG-4 in AVI with one key frame',
        'avi',
        'avi',
        [...MPEG4, '-g', '600', '-sc_threshold', '1000000000'],
      ],
      ['Motion JPEG in AVI', 'avi', 'avi', ['-c:v', 'mjpeg', '-q:v', '3', '-pix_fmt', 'yuvj420p']],
      ['ProRes', 'mov', 'mov', ['-c:v', 'prores_ks', '-profile:v', '0']],
      ['3GP', '3gp', '3gp', [...H264, '-g', '48']],
      ['a transport stream', 'ts', 'ts', [...H264, '-g', '24']],
    ] as const)('decode the same frame at a moment: %s', async (_, extension, format, output) => {
      const bytes = await makeVideo(extension, 'testsrc2=s=160x96:r=24', output, 4)
      await expectSame(bytes, format, TIMESTAMPS)
    })

    it('decode the same frame after more than 600 others', async () => {
      const output = [...H264, '-g', '9999', '-sc_threshold', '0']
      const bytes = await makeVideo('mp4', 'testsrc2=s=64x64:r=30', output, 40)
      await expectSame(bytes, 'mp4', [19.9, 21, 30, 39.5, 99])
    })

    it.skipIf(CORPUS === undefined).each([
      ['cut.mp4', 'mp4', [undefined, 0, 1, 99]],
      ['longgop.mp4', 'mp4', [undefined, 21, 30, 39.5, 99]],
      ['sef-svc-prefix.mp4', 'mp4', [undefined, 3.6, 8.3, 9, 13.5, 99]],
      ['two-seconds.mp4', 'mp4', [undefined, 1, 1.5, 99]],
      ['full.avi', 'avi', [undefined, 1, 2.024, 3.1, 99]],
      ['trunc.avi', 'avi', [undefined, 1, 99]],
      ['iphone_apac.mov', 'mov', [undefined, 1, 99]],
      ['v.3gp', '3gp', [undefined, 1, 99]],
    ] as const)('decode the same frame of %s', async (name, format, timestamps) => {
      await expectSame(readCorpus(`wild/${name}`), format, [...timestamps])
    })
  },
)
