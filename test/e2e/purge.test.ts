/**
 * Requests in progress while their source is purged: the source was read before the purge, so its rendition
 * must not be served or cached afterwards.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createExternalUrls } from '@media-proxy/client'
import { createFilesystemStore } from '@media-proxy/origin/store/filesystem.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openOrigin, type Settings } from '../services.ts'
import { until } from '../until.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const SETTINGS: Settings = { MEDIA_PROXY_SECRET_KEY: 'secret', MEDIA_PROXY_EDGE_SECRET_KEY: 'edge' }

const purge = (url: string, body: object = { object: 'avatars/1/a' }) =>
  send(url, '/_purge', {
    method: 'POST',
    headers: { 'x-internal-secret': 'secret' },
    body: JSON.stringify(body),
  })

const heightOf = async ({ body }: { readonly body: Buffer }) => (await sharp(body).metadata()).height

/** Opens an origin whose store can be held before it returns its next results. */
async function opened(settings: Settings = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-purge-'))
  closers.push(() => rm(directory, { recursive: true }))
  const bare = createFilesystemStore(directory)
  const held: { readonly operation: string; go(): void }[] = []
  let holds: string | undefined
  const wait = async (operation: string) => {
    if (operation !== holds) return
    const { promise, resolve } = Promise.withResolvers<void>()
    held.push({ operation, go: resolve })
    await promise
  }
  const store: ObjectStore = {
    ...bare,
    async get(...args) {
      // The object has been read before it is held.
      const found = await bare.get(...args)
      await wait('get')
      return found
    },
    async put(...args) {
      await wait('put')
      return bare.put(...args)
    },
  }
  const service = await openOrigin(store, { ...SETTINGS, ...settings })
  closers.push(service.close)
  const put = async (bytes: Uint8Array) => {
    const path = join(directory, 'cdn/avatars/1/a')
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
  }
  return { service, put, held, hold: (operation?: string) => (holds = operation) }
}

describe('a purge at the origin', () => {
  it('does not show a render that was in progress to later requests, in any size', async () => {
    const { service, put, held, hold } = await opened()
    await put(await halvesPng(400, 200))
    hold('get')
    const before = send(service.url, '/avatars/1/a.webp?size=64')
    await until(() => held.length === 1)
    hold()
    await put(await halvesPng(400, 400))
    expect((await purge(service.url)).status).toBe(200)
    const after = await Promise.all(
      [64, 128].map((size) => send(service.url, `/avatars/1/a.webp?size=${size}`)),
    )
    expect(await Promise.all(after.map(heightOf))).toEqual([64, 128])
    for (const { go } of held) go()
    const old = await before
    expect([await heightOf(old), old.headers['cache-control']]).toEqual([32, 'public, max-age=0'])
    expect(await heightOf(await send(service.url, '/avatars/1/a.webp?size=64'))).toBe(64)
  })

  it('cancels the writes of renditions that wait, and removes those in progress', async () => {
    const { service, put, held, hold } = await opened({ MEDIA_PROXY_S3_BUCKET_RENDITIONS: 'renditions' })
    await put(await halvesPng(400, 200))
    hold('put')
    // Four writes run at a time.
    const sizes = [16, 20, 24, 32, 48, 64]
    for (const size of sizes) await send(service.url, `/avatars/1/a.webp?size=${size}`)
    await until(() => held.length === 4)
    const purged = purge(service.url)
    hold()
    for (const { go } of held) go()
    expect(JSON.parse((await purged).body.toString())).toEqual({ removed: 4 + sizes.length })
    for (const size of sizes) await send(service.url, `/avatars/1/a.webp?size=${size}`)
    expect(service.log.filter(({ outcome }) => outcome === 'stored')).toEqual([])
  })
})

describe('a rendition that was in progress during a purge', () => {
  it('is not confirmed to a cache that received it, although the source is unchanged', async () => {
    const { service, put, held, hold } = await opened()
    await put(await halvesPng(400, 200))
    hold('get')
    const path = '/avatars/1/a.webp?size=64'
    const edge = { 'x-media-edge': '1' }
    const before = send(service.url, path, { headers: edge })
    await until(() => held.length === 1)
    hold()
    await purge(service.url)
    for (const { go } of held) go()
    const { headers } = await before
    expect(headers['x-media-life']).toBe('0, must-revalidate')
    const condition = { ...edge, 'if-none-match': headers.etag ?? '' }
    const after = await send(service.url, path, { headers: condition })
    expect([after.status, after.headers['x-media-life']]).toEqual([200, undefined])
  })
})

describe('a purge at the edge', () => {
  it('of an object also removes its external URL, and vice versa', async () => {
    const service = await openEdge({ ...SETTINGS, MEDIA_PROXY_PUBLIC_URL: 'https://media.example.com' })
    closers.push(service.close)
    const urls = createExternalUrls({ baseUrl: '', secretKey: 'secret' })
    const own = 'https://media.example.com/attachments/1/a.png'
    const paths = ['/attachments/1/a.png?width=40', await urls.sign(own, { width: 40 }), await urls.sign(own)]
    const heights = async () => {
      const found = []
      for (const path of paths) found.push(await heightOf(await send(service.url, path)))
      return found
    }
    let height = 20
    for (const body of [{ object: 'attachments/1/a.png' }, { external: own }]) {
      await service.put('attachments/1/a.png', await halvesPng(40, height))
      expect((await purge(service.url, body)).status).toBe(200)
      expect(await heights()).toEqual([height, height, height])
      height += 10
    }
  })
})
