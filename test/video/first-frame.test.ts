/** Tests the cost of a video's first frame: one frame that is decoded once, and the bytes read for it. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { canEncode, FFMPEG, makeVideo } from '../videos.ts'

const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-g', '250']
const VP9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-crf', '10', '-b:v', '0']
/** Noise does not compress: two seconds are more than a megabyte. */
const NOISE = 'testsrc2=s=640x360:r=30:d=2,noise=alls=40:allf=t'

const libav = await loadLibav()
const canMakeVp9 = FFMPEG !== undefined && (await canEncode('libvpx-vp9'))

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'the first frame (needs FFmpeg and libav)',
  () => {
    let service: Service

    beforeAll(async () => {
      service = await openFilesystemOrigin()
    })
    afterAll(async () => {
      libav?.pool.close()
      await service.close()
    })

    async function still(name: string, bytes: Buffer, query: string) {
      await service.put(`attachments/1/${name}`, bytes)
      const before = service.storeOperations.length
      const { status, body } = await send(service.url, `/attachments/1/${name}?format=png&${query}`)
      expect(status, service.log.at(-1)?.detail ?? '').toBe(200)
      const read = service.storeOperations.slice(before).reduce((sum, operation) => sum + operation.bytes, 0)
      const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
      return { data, size: [info.width, info.height], read }
    }

    it.skipIf(!canMakeVp9)('of a WebM with one key frame reads only the start of the file', async () => {
      const video = await makeVideo('webm', NOISE, [...VP9, '-g', '250'])
      expect(video.length).toBeGreaterThan(1_000_000)
      for (const query of ['', 'time=0', 'time=0%25'])
        expect((await still('one-key.webm', video, query)).read).toBeLessThan(video.length / 2)
    })

    it('has the size that its parameter sets declare, whatever the container declares', async () => {
      const video = await makeVideo('mp4', NOISE, H264)
      const entry = video.indexOf('avc1', video.indexOf('stsd'))
      const other = Buffer.from(video)
      other.writeUInt16BE(320, entry + 28)
      other.writeUInt16BE(180, entry + 30)
      const [expected, got] = [
        await still('declared.mp4', video, 'time=0'),
        await still('wrong.mp4', other, 'time=0'),
      ]
      expect(got.size).toEqual([640, 360])
      expect(got.data.equals(expected.data)).toBe(true)
    })

    it.each([
      ['bframes=3:ref=4', 'time=0'],
      ['bframes=3:ref=4', ''],
      ['bframes=3:b-pyramid=2:open-gop=1', ''],
      ['interlaced=1:bframes=2', ''],
    ])('is the frame that sequential decoding shows there: %s, "%s"', async (parameters, query) => {
      const coder = [
        '-c:v',
        'libx264',
        '-pix_fmt',
        'yuv420p',
        '-preset',
        'veryfast',
        '-x264-params',
        parameters,
      ]
      const video = await makeVideo('mp4', NOISE, coder)
      const alone = await still('first.mp4', video, query)
      // A moment between the first frame and the second.
      const reached = await still('first.mp4', video, 'time=0.02')
      expect(alone.data.equals(reached.data)).toBe(true)
    })
  },
)
