/**
 * The service makes no connection that was not configured or requested, and leaves no files behind. The test
 * checks all connections, DNS lookups and files on the level of system calls.
 */

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { nativeEnvironment, ORIGIN_ARGUMENTS } from '@media-proxy/scripts/origin-process.ts'
import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { childrenOf } from '../bench/process-snapshot.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { secondsMp4 } from '../sample-videos.ts'
import { until } from '../until.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'
import { CAN_TRACE, readTrace, startTraced, type Trace } from './strace.ts'

const SECRET = 'a-secret-that-is-long-enough-for-production'
const TEXT_SVG = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><text y="40" font-size="30">Hello</text></svg>',
)
const DNS_PORT = 53

describe.skipIf(!CAN_TRACE)('an origin in production (needs Linux, and an strace that may trace)', () => {
  let folder = ''
  let far: UpstreamServer
  let child: ChildProcess | undefined
  let trace: Trace
  let exitCode: number | null = null
  const statuses: number[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'media-proxy-unasked-'))
    for (const name of ['home', 'tmp', 'store/cdn/attachments/1', 'store/uploads', 'store/static'])
      await mkdir(join(folder, name), { recursive: true })
    const image = await halvesPng(400, 300)
    await store('cdn/attachments/1/a.png', image)
    await store('cdn/attachments/1/text.svg', TEXT_SVG)
    await store('uploads/picture', image)
    const libav = await loadLibav()
    const video = libav === undefined ? undefined : await secondsMp4(libav)
    if (video !== undefined) await store('cdn/attachments/1/video.mp4', video)
    far = await openUpstreamServer(files({ '/a.png': image }))

    child = startTraced([process.execPath, ...ORIGIN_ARGUMENTS], join(folder, 'trace'), environment())
    const exited = once(child, 'exit')
    const [{ listening }] = (await once(child, 'message')) as [{ readonly listening: number }]
    const url = `http://127.0.0.1:${listening}`
    await until(async () => (await send(url, '/_ready')).status === 200)
    const target = `http/${far.host}/a.png`
    const signature = await signExternalTarget(await createKeyRing([SECRET]), target)
    for (const path of [
      '/attachments/1/a.png?width=64&format=webp',
      '/attachments/1/text.svg?format=png',
      ...(video === undefined ? [] : ['/attachments/1/video.mp4?format=webp&time=1']),
      `/external/${signature}/${target}`,
    ])
      statuses.push((await send(url, path)).status)
    const upload = await send(url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: 'picture' }),
    })
    statuses.push(upload.status)
    expect(JSON.parse(upload.body.toString()).nsfw_predictions).toBeDefined()
    const [origin] = childrenOf(child.pid ?? 0)
    if (origin === undefined) throw new Error('strace runs nothing')
    process.kill(origin, 'SIGTERM')
    exitCode = (await exited)[0]
    trace = await readTrace(join(folder, 'trace'))
  })
  afterAll(async () => {
    // After a failure the service is still running, and ending strace would only detach from it.
    if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await far.close()
    await rm(folder, { recursive: true })
  })

  async function store(key: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(folder, 'store', key), bytes)
  }

  /**
   * Returns the environment that a service manager would set, without the variables of the tests. `CI`, for
   * example, makes some libraries report less.
   */
  function environment(): Record<string, string> {
    const set = nativeEnvironment({
      PATH: process.env.PATH,
      HOME: join(folder, 'home'),
      TMPDIR: join(folder, 'tmp'),
      NODE_ENV: 'production',
      MEDIA_PROXY_NODE_ENV: 'production',
      MEDIA_PROXY_HOST: '127.0.0.1',
      MEDIA_PROXY_PORT: '0',
      MEDIA_PROXY_STORAGE_DIR: join(folder, 'store'),
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_EDGE_SECRET_KEY: `${SECRET}-too`,
      MEDIA_PROXY_PUBLIC_URL: 'https://media.example.com',
      MEDIA_PROXY_NSFW_ENABLED: 'true',
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    })
    return Object.fromEntries(
      Object.entries(set).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    )
  }

  it('serves its requests, and exits when requested', () => {
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(exitCode).toBe(0)
    expect(trace.calls).toBeGreaterThan(100)
  })

  it('connects only to the configured server', () => {
    const port = new URL(far.url).port
    const network = trace.connections.filter((connection) => connection.startsWith('AF_INET'))
    expect(network.map((connection) => connection.replace(/ (127\.0\.0\.1|::1) /, ' loopback '))).toEqual([
      expect.stringMatching(new RegExp(`^AF_INET6? loopback ${port}$`)),
    ])
    expect(network.filter((connection) => connection.endsWith(` ${DNS_PORT}`))).toEqual([])
  })

  it('writes only to its temporary folder, and leaves nothing in it', async () => {
    const elsewhere = trace.written.filter(
      (path) => !path.startsWith(join(folder, 'tmp')) && !/^\/dev\/(null|tty)$|^\/proc\/self\//.test(path),
    )
    expect(elsewhere).toEqual([])
    expect(trace.written.filter((path) => path.startsWith(folder) && existsSync(path))).toEqual([])
    for (const name of ['home', 'tmp']) expect(await readdir(join(folder, name))).toEqual([])
  })
})
