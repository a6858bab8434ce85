import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createFilesystemStore } from '@media-proxy/origin/store/filesystem.ts'
import { renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { renditionKey } from '@media-proxy/shared/store/rendition-object.ts'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openOrigin, openS3Server, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { until } from '../until.ts'

const SETTINGS = {
  MEDIA_PROXY_S3_BUCKET_RENDITIONS: 'renditions',
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_CACHE_MEMORY_SECONDS: '0',
}

interface Shared {
  readonly store: ObjectStore
  put(key: string, bytes: Uint8Array): Promise<void>
  close(): Promise<unknown>
}

async function folder(): Promise<Shared> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-renditions-'))
  return {
    store: createFilesystemStore(directory),
    async put(key, bytes) {
      const path = join(directory, 'cdn', key)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
    },
    close: () => rm(directory, { recursive: true }),
  }
}

async function s3(): Promise<Shared> {
  const { endpoint, credentials, put, close } = await openS3Server()
  return {
    store: createS3Store({ endpoint, region: 'auto', timeoutMs: scaleTimeout(5000), ...credentials }),
    put: (key, bytes) => put(key, bytes),
    close,
  }
}

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

describe.each([
  ['a folder', folder],
  ['S3', s3],
] as const)('renditions shared through %s', (_, open) => {
  const PATHS = ['/avatars/1/a.webp?size=64', '/avatars/1/a.png?size=32']

  async function opened() {
    const shared = await open()
    closers.push(shared.close)
    await shared.put('avatars/1/a', await halvesPng(400, 300))
    const origin = async () => {
      const service = await openOrigin(shared.store, SETTINGS)
      closers.push(service.close)
      return service
    }
    return { shared, first: await origin(), second: await origin() }
  }

  const outcomes = ({ log }: Omit<Service, 'put'>) => log.flatMap(({ outcome }) => outcome ?? [])

  it('are rendered by one origin and served by the other', async () => {
    const { shared, first, second } = await opened()
    const rendered = await Promise.all(PATHS.map((path) => send(first.url, path)))
    expect(outcomes(first)).toEqual(['rendered', 'rendered'])
    // They are written after the responses.
    for (const path of PATHS) await untilStored(shared.store, path)
    const found = []
    for (const path of PATHS) found.push(await send(second.url, path))
    expect(outcomes(second)).toEqual(['stored', 'stored'])
    for (const [index, { body, headers }] of found.entries()) {
      const other = rendered[index]
      expect(body.equals(other?.body ?? Buffer.alloc(0))).toBe(true)
      for (const name of ['etag', 'last-modified', 'content-type', 'cache-control']) {
        expect(headers[name]).toBe(other?.headers[name])
      }
    }
  })

  it('are rendered again when their source is replaced', async () => {
    const { shared, first, second } = await opened()
    const path = PATHS[0] ?? ''
    const before = await send(first.url, path)
    await untilStored(shared.store, path)
    await shared.put('avatars/1/a', await halvesPng(300, 900))
    const after = await send(second.url, path)
    expect(outcomes(second)).toEqual(['rendered'])
    expect(after.headers.etag).not.toBe(before.headers.etag)
  })

  it('are removed by a purge', async () => {
    const { shared, first } = await opened()
    for (const path of PATHS) await send(first.url, path)
    for (const path of PATHS) await untilStored(shared.store, path)
    const { body } = await send(first.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ object: 'avatars/1/a' }),
    })
    // Two in the store and two in memory.
    expect(JSON.parse(body.toString())).toEqual({ removed: 4 })
    for (const path of PATHS) expect(await find(shared.store, path)).toMatchObject({ code: 'not-found' })
  })

  it('are removed from memory by a purge that cannot reach them in the store, which fails', async () => {
    const { shared } = await opened()
    let isDown = false
    const origin = await openOrigin(
      {
        ...shared.store,
        head: async (...args) => (isDown ? fail('store-unreachable') : shared.store.head(...args)),
        get: async (...args) => (isDown ? fail('store-unreachable') : shared.store.get(...args)),
        removeBelow: async () => fail('store-denied'),
      },
      { ...SETTINGS, MEDIA_PROXY_CACHE_MEMORY_SECONDS: '3600' },
    )
    closers.push(origin.close)
    const [path = ''] = PATHS
    expect((await send(origin.url, path)).status).toBe(200)
    isDown = true
    expect((await send(origin.url, path)).status).toBe(200)
    const purged = await send(origin.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ object: 'avatars/1/a' }),
    })
    expect(purged.status).toBe(502)
    expect((await send(origin.url, path)).status).toBe(502)
  })

  it('are not looked up when the store does not answer, which is asked once', async () => {
    const { shared } = await opened()
    let asked = 0
    const silent = async () => {
      asked += 1
      return fail('store-timeout')
    }
    const origin = await openOrigin({ ...shared.store, head: silent, get: silent }, SETTINGS)
    closers.push(origin.close)
    expect((await send(origin.url, PATHS[0] ?? '')).status).toBe(504)
    expect(asked).toBe(1)
    const headers = { 'if-none-match': '"a"' }
    expect((await send(origin.url, PATHS[0] ?? '', { headers })).status).toBe(504)
    expect(asked).toBe(2)
  })

  it('do not cause failures when they cannot be written', async () => {
    const { shared } = await opened()
    const broken = { ...shared.store, put: async () => fail('store-denied') }
    const origin = await openOrigin(broken, SETTINGS)
    closers.push(origin.close)
    expect((await send(origin.url, PATHS[0] ?? '')).status).toBe(200)
    await until(() => origin.log.some(({ failure }) => failure === 'store-denied'))
  })
})

/** Looks up the stored rendition of a path. */
async function find(store: ObjectStore, path: string) {
  const request = parseRequest(new URL(path, 'http://test'), { accept: null, assets: false })
  if (isFailure(request) || request.kind !== 'asset') throw new Error(path)
  return store.head('renditions', await renditionKey(request.key, renditionUrl(request)))
}

async function untilStored(store: ObjectStore, path: string): Promise<void> {
  await until(async () => !isFailure(await find(store, path)))
}
