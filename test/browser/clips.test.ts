/** Clips played in Chromium, from the first frame to the last. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CORPUS } from '../corpus/corpus.ts'
import { openEdge, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { FFMPEG, makeVideo, remakeVideo, withFile } from '../videos.ts'
import { CHROMIUM, openBrowser } from './chromium.ts'

const libav = await loadLibav()
const COUNTING = 'testsrc2=s=192x108:r=25:d=2'
const SINE = ['-f', 'lavfi', '-i', 'sine=r=48000:d=2', '-map', '0:v', '-map', '1:a']
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast']
/** The tolerance of a duration, in seconds, for the last video frame and the last audio frame. */
const TOLERANCE = 0.1

interface Played {
  readonly duration: number
  readonly reached: number
  readonly size: readonly [width: number, height: number]
  readonly frames: number
  readonly error: string | undefined
}

describe.skipIf(CHROMIUM === undefined || FFMPEG === undefined || libav === undefined)(
  'clips in Chromium (need Chromium, FFmpeg and libav)',
  () => {
    let service: Service
    let browser: Browser
    let page: Page

    beforeAll(async () => {
      service = await openEdge({
        MEDIA_PROXY_SECRET_KEY: 'a-secret-for-tests',
        MEDIA_PROXY_NSFW_ENABLED: 'false',
      })
      browser = await openBrowser()
      page = await browser.newPage()
      page.setDefaultTimeout(scaleTimeout(60_000))
      await page.goto(`${service.url}/_health`)
    })
    afterAll(async () => {
      await browser.close()
      await service.close()
    })

    async function play(name: string, bytes: Uint8Array, query: string): Promise<Played> {
      await service.put(`attachments/1/${name}`, bytes)
      return page.evaluate(async (url) => {
        const video = document.createElement('video')
        video.muted = true
        document.body.append(video)
        let frames = 0
        const count = () => {
          frames += 1
          video.requestVideoFrameCallback(count)
        }
        video.requestVideoFrameCallback(count)
        const ended = new Promise<void>((resolve) => {
          for (const event of ['ended', 'error'])
            video.addEventListener(event, () => resolve(), { once: true })
        })
        video.src = url
        const rejected = await video.play().then(
          () => undefined,
          (reason: unknown) => String(reason),
        )
        if (rejected === undefined) await ended
        const { duration, currentTime: reached, videoWidth, videoHeight, error } = video
        video.remove()
        return {
          duration,
          reached,
          size: [videoWidth, videoHeight],
          frames,
          error: error?.message ?? rejected,
        } as const
      }, `/attachments/1/${name}?${query}`)
    }

    function expectPlayed(played: Played, seconds: number, size: readonly [number, number]): void {
      expect(played.error).toBeUndefined()
      expect(Math.abs(played.duration - seconds)).toBeLessThan(TOLERANCE)
      expect(Math.abs(played.reached - played.duration)).toBeLessThan(TOLERANCE)
      expect(played.size).toEqual(size)
      expect(played.frames).toBeGreaterThan(1)
    }

    it.each([
      ['turned', 'mp4', [...SINE, ...H264, '-c:a', 'aac'], ['-metadata:s:v', 'rotate=90'], [108, 192]],
      [
        'HEVC',
        'mov',
        ['-c:v', 'libx265', '-x265-params', 'log-level=0', '-pix_fmt', 'yuv420p10le'],
        [],
        [192, 108],
      ],
      ['without audio', 'mkv', H264, [], [192, 108]],
      ['with audio of six channels', 'mkv', [...SINE, ...H264, '-c:a', 'ac3', '-ac', '6'], [], [192, 108]],
      [
        'of odd sides',
        'mkv',
        [
          '-vf',
          'scale=191:107,setsar=1',
          '-c:v',
          'libvpx',
          '-b:v',
          '1M',
          '-cpu-used',
          '8',
          '-deadline',
          'realtime',
        ],
        [],
        [190, 106],
      ],
      ['interlaced', 'ts', ['-c:v', 'mpeg2video', '-q:v', '2', '-flags', '+ilme+ildct'], [], [192, 108]],
      [
        'of unevenly timed frames',
        'mkv',
        [...H264, '-vf', "select='not(mod(n,3))+lt(n,20)'", '-fps_mode', 'vfr'],
        [],
        [192, 108],
      ],
    ] as const)('play a video that is %s', async (kind, extension, output, changes, size) => {
      const made = await makeVideo(extension, COUNTING, output, 2)
      const video =
        changes.length === 0
          ? made
          : await withFile(made, (path) => remakeVideo({ path }, 'mp4', [...changes, '-c', 'copy']))
      for (const query of ['format=mp4', 'format=webm'])
        expectPlayed(await play(`${kind.replaceAll(' ', '-')}.${extension}`, video, query), 2, size)
    })

    it.skipIf(CORPUS === undefined)('play an animation for as long as it lasts', async () => {
      const gif = await readFile(join(CORPUS ?? '', 'animated/party.gif'))
      for (const query of ['format=mp4', 'format=webm'])
        expectPlayed(await play('party.gif', gif, query), 0.48, [28, 18])
    })

    it('show the background below a clip with alpha', async () => {
      const videoFile = await makeVideo(
        'webm',
        'color=red@0:s=64x64:r=25,format=yuva420p',
        ['-c:v', 'libvpx-vp9', '-pix_fmt', 'yuva420p'],
        1,
      )
      await service.put('attachments/1/see-through.webm', videoFile)
      const alpha = await page.evaluate(async (url) => {
        const video = document.createElement('video')
        video.src = url
        video.muted = true
        await new Promise((resolve, reject) => {
          video.addEventListener('loadeddata', resolve)
          video.addEventListener('error', () => reject(new Error(video.error?.message)))
        })
        const context = new OffscreenCanvas(64, 64).getContext('2d')
        context?.drawImage(video, 0, 0)
        return context?.getImageData(32, 32, 1, 1).data[3]
      }, '/attachments/1/see-through.webm?format=webm&width=32')
      expect(alpha).toBeLessThan(10)
    })
  },
)
