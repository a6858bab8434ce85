/** FFmpeg ends in the middle of its work, as when the kernel is out of memory. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { descendantsOf } from '../bench/process-snapshot.ts'
import { type BenchService, startService } from '../bench/service.ts'
import { send } from '../http.ts'
import { until } from '../until.ts'
import { FFMPEG, makeVideo } from '../videos.ts'
import { expectNothingKept, HAS_PROC, snapshotAtRest } from './counts.ts'

/** A single group of pictures, so that a late frame takes long to decode. */
const ONE_GROUP = ['-g', '1000', '-pix_fmt', 'yuv420p']
const PATTERN = 'testsrc2=s=1280x720:r=30'

describe.skipIf(FFMPEG === undefined || !HAS_PROC)('a killed FFmpeg process (needs FFmpeg and /proc)', () => {
  let service: BenchService
  let temporary = ''

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
    service = await startService({
      MEDIA_PROXY_NSFW_ENABLED: 'false',
      MEDIA_PROXY_ENGINE_LIBAV: 'false',
      TMPDIR: temporary,
    })
    await service.put('cdn/attachments/1/parts.mp4', await makeVideo('mp4', PATTERN, ONE_GROUP))
    await service.put(
      'cdn/attachments/1/whole.avi',
      await makeVideo('avi', PATTERN, ['-c:v', 'mpeg4', '-q:v', '2', ...ONE_GROUP]),
    )
    expect((await send(service.url, '/_ready')).status).toBe(200)
  })
  afterAll(async () => {
    await service.close()
    await rm(temporary, { recursive: true })
  })

  it.each([
    ['reads the parts it is given', 'parts.mp4'],
    ['reads a temporary file', 'whole.avi'],
  ])('causes a 503 while it %s, and the next still works', async (_, name) => {
    const path = (seconds: number) => `/attachments/1/${name}?format=webp&width=64&time=${seconds}`
    expect((await send(service.url, path(0.1))).status).toBe(200)
    const before = await snapshotAtRest(service.pid)
    const answer = send(service.url, path(2.9))
    process.kill(await workingChild(service.pid), 'SIGKILL')
    const { status, body, headers } = await answer
    expect([status, body.toString()]).toEqual([503, 'Service Unavailable'])
    expect([headers['retry-after'], headers['cache-control']]).toEqual(['10', 'no-store'])
    const next = await send(service.url, path(2.9))
    expect([next.status, next.headers['content-type']]).toEqual([200, 'image/webp'])
    await expectNothingKept(service.pid, before, temporary)
  })
})

/** Waits for a descendant of the service that runs FFmpeg, and returns its id. */
async function workingChild(pid: number): Promise<number> {
  let found = 0
  await until(async () => {
    for (const child of descendantsOf(pid)) {
      // The process has ended already, so it is not the one.
      const name = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')
      if (name.startsWith('ffmpeg')) found = child
    }
    return found !== 0
  })
  return found
}
