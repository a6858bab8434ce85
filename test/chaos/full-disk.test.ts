/** No space for temporary files: the disk is full, or the folder does not exist. */

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BenchService, startService } from '../bench/service.ts'
import { send } from '../http.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'
import { FFMPEG, makeVideo } from '../videos.ts'
import { expectNothingKept, HAS_PROC, snapshotAtRest } from './counts.ts'

const DISK_BYTES = 256 * 1024
const SECRET = 'bench-secret'
/** Noise, which makes large files. */
const NOISE = 'testsrc2=s=320x192:r=25,noise=alls=80:allf=t'
const SMALL = 'testsrc2=s=160x96:r=25'
const MPEG4 = ['-c:v', 'mpeg4', '-q:v', '2']

const disk = await mountDisk()
afterAll(async () => {
  if (disk === undefined) return
  execFileSync('umount', [disk])
  await rm(disk, { recursive: true })
})

describe.skipIf(FFMPEG === undefined || !HAS_PROC).each([
  ['a full disk (needs root, to mount one)', disk],
  ['a folder that is not there (needs FFmpeg and /proc)', '/nonexistent/media-proxy'],
])('temporary files on %s', (_, folder) => {
  let service: BenchService
  let far: UpstreamServer

  beforeAll(async () => {
    if (folder === undefined) return
    const large = await makeVideo('avi', NOISE, MPEG4)
    const small = await makeVideo('avi', SMALL, MPEG4, 0.4)
    expect(large.length).toBeGreaterThan(2 * DISK_BYTES)
    expect(small.length).toBeLessThan(DISK_BYTES / 2)
    // Without ranges, so the whole file has to be downloaded and stored.
    far = await openUpstreamServer(files({ '/large.avi': large, '/small.avi': small }, false))
    service = await startService({
      MEDIA_PROXY_NSFW_ENABLED: 'false',
      // libav reads ranges. Only the FFmpeg binary needs a file.
      MEDIA_PROXY_ENGINE_LIBAV: 'false',
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
      TMPDIR: folder,
    })
    await service.put('cdn/attachments/1/large.avi', large)
    await service.put('cdn/attachments/1/small.avi', small)
    await service.put('cdn/attachments/1/a.txt', Buffer.from('text'))
  })
  afterAll(async () => {
    if (folder === undefined) return
    await service.close()
    await far.close()
  })

  it.skipIf(folder === undefined).each([
    ['the store', async (name: string) => `/attachments/1/${name}.avi`],
    ['a far server without ranges', async (name: string) => externalPath(far, `/${name}.avi`)],
  ])('cause a 503 with Retry-After for a video of %s, and nothing is left behind', async (_, pathOf) => {
    const still = 'format=webp&width=64'
    const path = `${await pathOf('large')}?${still}`
    const first = await send(service.url, path)
    expect([first.status, first.headers['retry-after'], first.headers['cache-control']]).toEqual([
      503,
      '10',
      'no-store',
    ])
    const before = await snapshotAtRest(service.pid)
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(service.url, path)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    const small = await send(service.url, `${await pathOf('small')}?${still}`)
    expect(small.status).toBe(folder === disk ? 200 : 503)
    // Requests that need no file still work.
    expect((await send(service.url, '/attachments/1/a.txt')).status).toBe(200)
    await expectNothingKept(service.pid, before, folder === disk ? folder : undefined)
  })
})

async function externalPath(far: UpstreamServer, path: string): Promise<string> {
  const target = `http/${far.host}${path}`
  return `/external/${await signExternalTarget(await createKeyRing([SECRET]), target)}/${target}`
}

/** Mounts a very small disk. Undefined when this user must not mount one. */
async function mountDisk(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder], { stdio: 'ignore' })
    return folder
  } catch {
    // Root in a container without the permission to mount.
    await rm(folder, { recursive: true })
    return undefined
  }
}
