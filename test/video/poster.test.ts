/** Tests `time=best`: the frame that represents a video. */

import { readPoster } from '@media-proxy/origin/engine/process/video/poster.ts'
import { openVideo } from '@media-proxy/origin/engine/process/video/video.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { ffmpegTools, libavTools } from '../video-tools.ts'
import { FFMPEG, makeVideo, partsOf } from '../videos.ts'

const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-crf', '10']
const ONE_KEY_FRAME = [...H264, '-g', '9999', '-sc_threshold', '0', '-bf', '2']

const PARTS = {
  black: 'color=black:s=320x192:r=10,drawgrid=w=8:h=8:t=4:c=0x1a1a1a',
  white: 'color=white:s=320x192:r=10,noise=alls=4:allf=t',
  grey: 'color=gray:s=320x192:r=10',
  blurred: 'mandelbrot=s=320x192:r=10,gblur=sigma=12,setpts=N/10/TB',
  sharp: 'mandelbrot=s=320x192:r=10,negate,setpts=N/10/TB',
} as const

/** Returns a filter graph for a video of parts of one second each. */
function videoOf(parts: readonly (keyof typeof PARTS)[]): string {
  const made = parts.map((part, index) => `${PARTS[part]},trim=duration=1,setpts=PTS-STARTPTS[p${index}]`)
  return `${made.join(';')};${parts.map((_, index) => `[p${index}]`).join('')}concat=n=${parts.length}`
}

/** Videos of eight parts of one second each, from which the poster has to be chosen. */
const VIDEOS = [
  ['black', 'black', 'white', 'blurred', 'blurred', 'grey', 'white', 'sharp'],
  ['sharp', 'blurred', 'blurred', 'blurred', 'grey', 'black', 'black', 'white'],
  ['black', 'black', 'black', 'black', 'sharp', 'black', 'black', 'black'],
  ['white', 'black', 'grey', 'blurred', 'white', 'black', 'grey', 'white'],
  ['black', 'black', 'black', 'grey', 'black', 'black', 'black', 'black'],
] as const
const chosenOf = (video: readonly string[]) => {
  const best = ['sharp', 'blurred', 'grey'].find((part) => video.includes(part)) ?? ''
  const second = video.indexOf(best)
  return { from: second, to: second + 1 }
}

describe.skipIf(FFMPEG === undefined)('the poster of a video (skipped without FFmpeg)', () => {
  it.each([
    ['libav', libavTools],
    ["FFmpeg's binary", ffmpegTools],
  ] as const)('is the best frame by %s, whatever the key frames', async (_, tools) => {
    if ((await tools.decoder()) === undefined) return
    for (const videoFile of VIDEOS) {
      const { from, to } = chosenOf(videoFile)
      for (const output of [H264, ONE_KEY_FRAME]) {
        const bytes = await makeVideo('mp4', videoOf(videoFile), output, videoFile.length)
        const video = await openVideo(tools, partsOf(bytes), 'mp4')
        if (isFailure(video)) throw new Error(video.detail)
        const poster = await readPoster(video)
        await video.close()
        if (isFailure(poster)) throw new Error(poster.detail)
        expect(poster.timestampSeconds, videoFile.join()).toBeGreaterThanOrEqual(from)
        expect(poster.timestampSeconds, videoFile.join()).toBeLessThan(to)
      }
    }
  })

  describe.each([
    ['the origin', openFilesystemOrigin],
    ['the edge', openEdge],
  ] as const)('at %s', (_, open) => {
    let service: Service
    beforeAll(async () => {
      service = await open()
    })
    afterAll(() => service.close())

    const still = async (name: string, query: string) => {
      const { status, body, headers } = await send(service.url, `/attachments/1/${name}?${query}`)
      expect(status, service.log.at(-1)?.detail).toBe(200)
      return { body, headers }
    }

    it('is a still in full size', async () => {
      await service.put('attachments/1/a.mp4', await makeVideo('mp4', videoOf(VIDEOS[0]), ONE_KEY_FRAME, 8))
      const { body: best, headers } = await still('a.mp4', 'time=best&format=png')
      expect(headers['content-type']).toBe('image/png')
      const { width, height } = await sharp(best).metadata()
      expect([width, height]).toEqual([320, 192])
      expect(best.equals((await still('a.mp4', 'time=7.5&format=png')).body)).toBe(true)
      expect(best.equals((await still('a.mp4', 'format=png')).body)).toBe(false)
      const { headers: asWebp } = await still('a.mp4', 'time=best')
      expect(asWebp['content-type']).toBe('image/webp')
    })

    it.each([
      ['of nothing but black', ['black', 'black'], 'mp4', H264],
      ['of one frame', ['sharp'], 'mp4', [...H264, '-frames:v', '1']],
      ['that tells no duration', ['sharp', 'grey'], 'mkv', [...H264, '-live', '1']],
    ] as const)('exists for a video %s', async (name, video, extension, output) => {
      const file = `${name.replaceAll(' ', '-')}.${extension}`
      await service.put(
        `attachments/1/${file}`,
        await makeVideo(extension, videoOf(video), output, video.length),
      )
      const { width, height } = await sharp((await still(file, 'time=best&format=png')).body).metadata()
      expect([width, height]).toEqual([320, 192])
    })
  })
})
