/** Tests animated previews and sprite sheets: the number of frames, their moments, and their places. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'
import { colourOf } from './clip-facts.ts'

const libav = await loadLibav()
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-crf', '12']

describe.skipIf(FFMPEG === undefined || libav === undefined)('a video (needs FFmpeg and libav)', () => {
  let service: Service

  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
  })
  afterAll(() => service.close())

  async function ask(name: string, bytes: Uint8Array, query: string) {
    await service.put(`attachments/1/${name}`, bytes)
    return send(service.url, `/attachments/1/${name}?${query}`)
  }

  describe('as a preview', () => {
    it.each(['webp', 'gif', 'png'])('is animated in %s, at fifteen frames per second', async (format) => {
      const video = await makeVideo('mp4', COUNTING, H264)
      const { status, body } = await ask('preview.mp4', video, `format=${format}&animated=true&width=160`)
      expect(status, service.log.at(-1)?.detail).toBe(200)
      if (format === 'png') return expect(body.includes('acTL')).toBe(true)
      const { pages, delay, width, pageHeight } = await sharp(body, { pages: -1 }).metadata()
      expect([pages, width, pageHeight]).toEqual([45, 160, 96])
      expect(total(delay ?? [])).toBeGreaterThan(2900)
      expect(total(delay ?? [])).toBeLessThan(3100)
      const { data } = await sharp(body, { page: 20 })
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true })
      expect(colourOf(data)).toBe('lime')
    })

    it('has the requested start, duration and frame rate', async () => {
      const video = await makeVideo('mp4', COUNTING, H264)
      const query = 'format=webp&animated=true&width=160&time=1&duration=1&fps=5'
      const { body } = await ask('part.mp4', video, query)
      const { pages, delay } = await sharp(body, { pages: -1 }).metadata()
      expect([pages, delay]).toEqual([5, [200, 200, 200, 200, 200]])
      const { data } = await sharp(body, { page: 0 })
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true })
      expect(colourOf(data)).toBe('lime')
    })
  })

  it('has in its preview all frames of a burst, and one frame for the pause after it', async () => {
    // 25 frames in the first second, and one more after a minute.
    const frames = `${COUNTING},select='lt(t,1)+eq(n,74)',setpts='if(eq(N,25),60/TB,PTS)'`
    const video = await makeVideo('mp4', frames, [...H264, '-fps_mode', 'passthrough'], 90)
    const { status, body } = await ask('pause.mp4', video, 'format=webp&animated=true&width=160&duration=2')
    expect(status, service.log.at(-1)?.detail).toBe(200)
    const { pages, delay = [] } = await sharp(body, { pages: -1 }).metadata()
    expect([pages, total(delay), delay.at(-1)]).toEqual([16, 2000, 1000])
  })

  describe('as a sprite sheet', () => {
    it('has its frames in their places, and states their interval', async () => {
      const video = await makeVideo('mp4', SECONDS, H264)
      const { status, body, headers } = await ask('sheet.mp4', video, 'format=png&sprite=3x2&width=40')
      expect(status, service.log.at(-1)?.detail).toBe(200)
      expect(headers['x-sprite-interval']).toBe('0.500')
      const { data, info } = await sharp(body).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
      expect([info.width, info.height]).toEqual([120, 48])
      const at = (column: number, row: number) =>
        data.subarray(((24 * row + 12) * info.width + 40 * column + 20) * 4)
      expect([0, 1, 2].map((column) => colourOf(Buffer.from(at(column, 0))))).toEqual(['red', 'red', 'lime'])
      expect([0, 1, 2].map((column) => colourOf(Buffer.from(at(column, 1))))).toEqual([
        'lime',
        'blue',
        'blue',
      ])
    })

    it('has frames 160 pixels wide by default, and is rejected for an image', async () => {
      const video = await makeVideo('mp4', SECONDS, H264)
      const { body } = await ask('usual.mp4', video, 'sprite=2x1')
      expect(await sharp(body).metadata()).toMatchObject({ format: 'webp', width: 320, height: 96 })
      const image = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } }).png()
      expect((await ask('still.png', await image.toBuffer(), 'sprite=2x1')).status).toBe(400)
    })
  })
})

/** Red, lime and blue for a second each, with an area below that differs in every frame. */
const COUNTING = `${SECONDS}[s];testsrc2=s=64x40:r=25:d=3,noise=alls=90:allf=t[m];[s][m]overlay=x=200:y=140`

function total(delays: readonly number[]): number {
  return delays.reduce((sum, delay) => sum + delay, 0)
}
