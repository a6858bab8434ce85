/** Tests that the metrics report the progress of a clip while it is being made. */

import { setTimeout } from 'node:timers/promises'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo } from '../videos.ts'

const libav = await loadLibav()
afterAll(() => libav?.pool.close())

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'a clip in progress (needs FFmpeg and libav)',
  () => {
    let service: Service

    beforeAll(async () => {
      service = await openFilesystemOrigin({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
    })
    afterAll(() => service.close())

    async function progress(): Promise<number> {
      const { body } = await send(service.url, '/_metrics')
      const reported = /^media_proxy_engine_progress\{[^}]*slot="0"[^}]*\} (\S+)/m.exec(body.toString())?.[1]
      return Number(reported)
    }

    it('reports its share of completion in the metrics, and 0 when it is finished', async () => {
      // Encoding this clip takes seconds even on a fast machine, and progress is reported every quarter of a
      // second.
      const coding = ['-c:v', 'libx264', '-preset', 'ultrafast']
      const video = await makeVideo('mp4', 'testsrc2=s=1280x720:r=30', coding, 20)
      await service.put('attachments/1/long.mp4', video)
      expect(await progress()).toBe(0)
      const clip = send(service.url, '/attachments/1/long.mp4?format=webm&width=640')
      const seen: number[] = []
      let done = false
      void clip.then(() => {
        done = true
      })
      while (!done) {
        await setTimeout(20)
        const share = await progress()
        if (share > 0 && share !== seen.at(-1)) seen.push(share)
      }
      expect((await clip).status).toBe(200)
      expect(await progress()).toBe(0)
      expect(seen.length).toBeGreaterThan(1)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(seen.every((share) => share >= 0 && share <= 1)).toBe(true)
    })
  },
)
