/** Tests reading several frames of one video with one decoder that continues from its current position. */

import { openVideo, type VideoTools } from '@media-proxy/origin/engine/process/video/video.ts'
import type { VideoFormat } from '@media-proxy/origin/media/kinds.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { libavTools } from '../video-tools.ts'
import { FFMPEG, makeVideo, partsOf } from '../videos.ts'

const libav = await libavTools.libav()
afterAll(() => libav?.pool.close())

const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-bf', '2']
const ONE_KEY_FRAME = [...H264, '-g', '9999', '-sc_threshold', '0']
/** Out of order, twice the same, close together, and past the end. */
const TIMESTAMPS = [3.1, 0, 0.5, 0.51, 0.55, 2, 2.04, 5, 3.96, 3.1, 60]

async function open(tools: VideoTools, bytes: Buffer, format: VideoFormat) {
  const video = await openVideo(tools, partsOf(bytes), format)
  if (isFailure(video)) throw new Error(video.detail)
  return video
}

/** Returns the bytes of a file as parts, and how many of them were read. */
function counted(bytes: Buffer) {
  const parts = partsOf(bytes)
  let bytesRead = 0
  const file = {
    sizeBytes: parts.sizeBytes,
    read(start: number, end: number) {
      bytesRead += end - start
      return parts.read(start, end)
    },
  }
  return { file, bytesRead: () => bytesRead }
}

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'frames read in order (needs FFmpeg and libav)',
  () => {
    it.each([
      ['one key frame', 'mp4', 'mp4', ONE_KEY_FRAME],
      ['several key frames', 'mp4', 'mp4', [...H264, '-g', '20']],
      ['open groups', 'mp4', 'mp4', [...H264, '-g', '20', '-x264-params', 'open-gop=1']],
      ['fragments', 'mp4', 'mp4', [...ONE_KEY_FRAME, '-movflags', 'frag_every_frame+empty_moov']],
      ['one key frame in Matroska', 'mkv', 'mkv', ONE_KEY_FRAME],
      ['Matroska without an index', 'mkv', 'mkv', [...H264, '-g', '20', '-live', '1']],
      ['one key frame in a transport stream', 'ts', 'ts', ONE_KEY_FRAME],
      ['a transport stream', 'ts', 'ts', [...H264, '-g', '20']],
      ['one key frame in FLV', 'flv', 'flv', ONE_KEY_FRAME],
      ['AVI', 'avi', 'avi', ['-c:v', 'mpeg4', '-g', '600', '-bf', '2']],
      ['WMV', 'wmv', 'wmv', ['-c:v', 'wmv2', '-g', '600']],
      ['a program stream', 'mpg', 'mpeg', ['-c:v', 'mpeg2video', '-g', '600', '-bf', '2', '-f', 'vob']],
      ['Theora', 'ogv', 'ogv', ['-c:v', 'libtheora', '-g', '600']],
      ['VP8', 'webm', 'webm', ['-c:v', 'libvpx', '-deadline', 'realtime', '-g', '600']],
      ['HEVC', 'mp4', 'mp4', ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none']],
    ] as const)('equal the frames that are read one at a time: %s', async (_, extension, format, output) => {
      const bytes = await makeVideo(extension, 'testsrc2=s=160x96:r=25', output, 4)
      const together = await open(libavTools, bytes, format)
      const frames = await together.readFrames(TIMESTAMPS)
      await together.close()
      for (const [index, timestamp] of TIMESTAMPS.entries()) {
        const alone = await open(libavTools, bytes, format)
        const expected = await alone.readFrame(timestamp)
        await alone.close()
        const frame = frames[index]
        if (frame === undefined || isFailure(frame) || isFailure(expected)) throw new Error(`at ${timestamp}`)
        expect(frame.timestampSeconds, `at ${timestamp}`).toBe(expected.timestampSeconds)
        expect(Buffer.from(frame.data).equals(expected.data), `at ${timestamp}`).toBe(true)
        expect(frame.timestampSeconds, `at ${timestamp}`).toBeCloseTo(Math.min(timestamp, 3.96), 1)
      }
    })

    it('equal the frames that are read one at a time when a packet holds many of them', async () => {
      // One packet of the container holds many frames and the timestamp of only one of them.
      const flat = "nullsrc=s=192x128:r=25,geq=lum='if(lt(mod(X+160-N*7,160),16),255,100)':cb=128:cr=128"
      const bytes = await makeVideo('mpg', flat, ['-c:v', 'mpeg2video', '-bf', '2'], 2)
      const timestamps = [0, 0.05, 0.1, 0.15]
      const together = await open(libavTools, bytes, 'mpeg')
      const frames = await together.readFrames(timestamps)
      await together.close()
      for (const [index, timestamp] of timestamps.entries()) {
        const alone = await open(libavTools, bytes, 'mpeg')
        const expected = await alone.readFrame(timestamp)
        await alone.close()
        const frame = frames[index]
        if (frame === undefined || isFailure(frame) || isFailure(expected)) throw new Error(`at ${timestamp}`)
        expect(Buffer.from(frame.data).equals(expected.data), `at ${timestamp}`).toBe(true)
      }
    })

    it('are found however far they are from the only key frame', async () => {
      const bytes = await makeVideo('mp4', 'testsrc2=s=32x32:r=60', ONE_KEY_FRAME, 90)
      const video = await open(libavTools, bytes, 'mp4')
      const frames = await video.readFrames([80, 89.5])
      await video.close()
      const times = frames.map((frame) => (isFailure(frame) ? frame.code : frame.timestampSeconds))
      expect(times).toEqual([80, 89.5])
    })

    it.each([
      ['MP4', 'mp4', [], 2],
      // Without an index, the search for the first key frame reads everything before the moment.
      ['Matroska without an index', 'mkv', ['-live', '1'], 5],
      ['a transport stream', 'ts', [], 5],
    ] as const)('are read in one pass when there is one key frame: %s', async (_, format, output, passes) => {
      const graph = 'testsrc2=s=320x192:r=15,noise=alls=20:allf=t'
      const videoFile = await makeVideo(format, graph, [...ONE_KEY_FRAME, ...output], 20)
      const { file, bytesRead } = counted(videoFile)
      const video = await openVideo(libavTools, file, format)
      if (isFailure(video)) throw new Error(video.detail)
      await video.readFrames(Array.from({ length: 19 }, (_, second) => second + second / 15))
      await video.close()
      expect(bytesRead() / videoFile.length).toBeLessThan(passes)
    })

    it('end with the last frame of a truncated file, which is found without decoding all others', async () => {
      const output = [...H264, '-g', '25', '-qp', '18', '-movflags', '+faststart']
      const videoFile = await makeVideo('mp4', 'testsrc2=s=160x96:r=25,noise=alls=20:allf=t', output, 90)
      const { file, bytesRead } = counted(videoFile.subarray(0, videoFile.length / 2))
      const video = await openVideo(libavTools, file, 'mp4')
      if (isFailure(video)) throw new Error(video.detail)
      const frames = await video.readFrames([60, 80, 90])
      await video.close()
      const times = frames.map((frame) => (isFailure(frame) ? frame.code : frame.timestampSeconds))
      expect(times[0]).toBeCloseTo(45, 0)
      expect(times).toEqual([times[0], times[0], times[0]])
      expect(bytesRead() / file.sizeBytes).toBeLessThan(0.5)
    })

    it('may be early by a tolerance only when the exact frame is expensive to reach', async () => {
      const expensive = await makeVideo('mp4', 'color=red:s=1920x1080:r=25', [...H264, '-g', '100'], 8)
      const video = await open(libavTools, expensive, 'mp4')
      const timesOf = async (toleranceSeconds?: number) =>
        (await video.readFrames([3.9, 4.2, 7.9], { width: 16, height: 9 }, toleranceSeconds)).map((frame) =>
          isFailure(frame) ? frame.code : Number(frame.timestampSeconds.toFixed(2)),
        )
      expect(await timesOf()).toEqual([3.88, 4.2, 7.88])
      // 4.2 s is five frames after its key frame, which is near. The key frames of the other moments are 3.9
      // s earlier, which is more than a tolerance of 3.5 s.
      expect(await timesOf(3.5)).toEqual([3.88, 4.2, 7.88])
      expect(await timesOf(4)).toEqual([0, 4.2, 4])
      await video.close()
      const cheap = await open(libavTools, await makeVideo('mp4', 'testsrc2=s=160x96:r=25', H264, 8), 'mp4')
      const [frame] = await cheap.readFrames([3.9], undefined, 4)
      expect(frame).toMatchObject({ timestampSeconds: 3.88 })
      await cheap.close()
    })
  },
)
