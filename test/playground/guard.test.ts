/**
 * `/_playground` for requests that do not come from its own page: from another page, under a rebound name, or
 * from another machine.
 */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawResponse, send } from '../http.ts'
import { type FilesystemService, openEdge, openFilesystemOrigin, openS3Origin } from '../services.ts'
import { PLAYGROUND_SERVICES, SECRET } from './services.ts'

const ACTIONS = ['session', 'sign', 'upload', 'metadata', 'frames', 'progress']
const json = (answer: RawResponse) => JSON.parse(answer.body.toString())

describe.each(PLAYGROUND_SERVICES)('the playground at %s', (_, open) => {
  let service: FilesystemService
  beforeAll(async () => {
    service = await open()
  })
  afterAll(() => service.close())

  const post = (action: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
    send(service.url, `/_playground/${action}`, {
      method: 'POST',
      body,
      headers: { origin: service.url, ...headers },
    })

  it('consists of one page with its files, and refers to no other host', async () => {
    for (const [path, type] of [
      ['', 'text/html; charset=utf-8'],
      ['/app.js', 'text/javascript; charset=utf-8'],
      ['/app.css', 'text/css; charset=utf-8'],
    ] as const) {
      const { status, headers, body } = await send(service.url, `/_playground${path}`)
      expect([status, headers['content-type']]).toEqual([200, type])
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; /)
      expect(headers['content-security-policy']).not.toContain('unsafe')
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(body.length).toBeGreaterThan(1000)
      expect(body.toString().match(/https?:\/\/(?!media\.)[a-z0-9.-]+\.[a-z]{2,}/g) ?? []).toEqual([])
    }
    expect((await send(service.url, '/_playground/../package.json')).status).toBe(404)
    expect((await send(service.url, '/_playground/app.ts')).status).toBe(404)
  })

  it('is where / redirects in development', async () => {
    const { status, headers } = await send(service.url, '/')
    expect([status, headers.location, headers['cache-control']]).toEqual([302, '/_playground', 'no-store'])
    expect((await send(service.url, '/', { method: 'POST' })).status).toBe(405)
  })

  it.each(ACTIONS)('%s accepts only POST from a page of the same host', async (action) => {
    const { port } = new URL(service.url)
    const rejected = [
      { method: 'GET', headers: {}, status: 405 },
      {
        method: 'OPTIONS',
        headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
        status: 405,
      },
      { method: 'POST', headers: {}, status: 403 },
      { method: 'POST', headers: { origin: 'https://evil.example' }, status: 403 },
      { method: 'POST', headers: { origin: 'null' }, status: 403 },
      { method: 'POST', headers: { origin: service.url, 'sec-fetch-site': 'cross-site' }, status: 403 },
      // A name that was rebound to this machine, so that the
      // browser treats page and service as the same host.
      {
        method: 'POST',
        headers: { host: `evil.example:${port}`, origin: `http://evil.example:${port}` },
        status: 403,
      },
      {
        method: 'POST',
        headers: {
          host: `evil.example:${port}`,
          origin: `http://evil.example:${port}`,
          'x-edge-host': `127.0.0.1:${port}`,
        },
        status: 403,
      },
    ]
    for (const { method, headers, status } of rejected) {
      const answer = await send(service.url, `/_playground/${action}`, {
        method,
        headers,
        ...(method === 'POST' ? { body: '{}' } : {}),
      })
      expect(answer.status, JSON.stringify(headers)).toBe(status)
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  it.each(ACTIONS.filter((action) => action !== 'session'))(
    '%s requires the secret from a remote client',
    async (action) => {
      const far = { 'x-forwarded-for': '203.0.113.7' }
      expect((await post(action, '{}', far)).status).toBe(401)
      expect((await post(action, '{}', { ...far, 'x-internal-secret': 'wrong' })).status).toBe(401)
      expect((await post(action, '{}', { ...far, 'x-internal-secret': SECRET })).status).not.toBe(401)
    },
  )

  it('tells the page what it may do, and a remote client nothing about the store', async () => {
    expect(json(await post('session', ''))).toMatchObject({ trusted: true, signs: true, uploads: true })
    expect(json(await post('session', '')).objects).toContain('/attachments/1/1/harbour.jpg')
    expect(json(await post('session', '', { forwarded: 'for=203.0.113.7' }))).toMatchObject({
      trusted: false,
      signs: false,
      uploads: false,
      attachmentsSigned: false,
      objects: [],
    })
  })

  it('signs allowed URLs, and rejects others', async () => {
    const { path } = json(await post('sign', JSON.stringify({ url: 'http://169.254.169.254/a.png' })))
    // The signature is valid, and the address is rejected.
    expect((await send(service.url, path)).status).toBe(400)
    expect((await post('sign', JSON.stringify({ url: 'file:///etc/passwd' }))).status).toBe(400)
    expect((await post('sign', 'not json')).status).toBe(400)
    expect((await post('sign', 'x'.repeat(40_000))).status).toBe(413)
  })

  it('stores an upload under a safe name, up to the size limit', async () => {
    const { path, upload_filename } = json(
      await post('upload?name=..%2F..%2Fmy%20cat.png', Buffer.from('a file')),
    )
    expect(upload_filename).toMatch(/^playground-[0-9a-f]{12}-my-cat\.png$/)
    expect((await send(service.url, path)).body.toString()).toBe('a file')
    const kept = await readdir(join(service.directory, 'uploads'))
    expect(kept).toContain(upload_filename)
    // The rejection arrives each time, even when the rest of the body was not read.
    for (const bytes of [3_000_001, 20_000_000, 3_000_001]) {
      expect((await post('upload?name=a', Buffer.alloc(bytes))).status).toBe(413)
    }
    const empty = await post('upload?name=a', '')
    expect([empty.status, empty.body.toString()]).toEqual([400, 'Bad Request: the file is empty'])
    expect(await readdir(join(service.directory, 'uploads')), 'nothing half').toEqual(kept)
  })

  it('returns the metadata and frames of stored objects', async () => {
    const place = JSON.stringify({ type: 's3', bucket: 'cdn', key: 'attachments/1/1/harbour.jpg' })
    expect(json(await post('metadata', place))).toMatchObject({ format: 'jpeg', width: 1600, height: 1200 })
    expect(json(await post('frames', place)).frames).toHaveLength(1)
    expect((await post('metadata', JSON.stringify({ type: 's3', bucket: 'other', key: 'a' }))).status).toBe(
      400,
    )
  })
})

const PRODUCTION = {
  MEDIA_PROXY_NODE_ENV: 'production',
  MEDIA_PROXY_SECRET_KEY: SECRET,
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge-secret',
}

describe.each([
  ['the edge', openEdge],
  ['the origin', openFilesystemOrigin],
] as const)('in production, at %s', (_, open) => {
  it('the playground is disabled unless configured, and then accepts no uploads', async () => {
    const off = await open(PRODUCTION)
    for (const path of ['', '/app.js', '/session']) {
      const method = path === '/session' ? 'POST' : 'GET'
      expect(
        (await send(off.url, `/_playground${path}`, { method, headers: { origin: off.url } })).status,
      ).toBe(404)
    }
    expect((await send(off.url, '/')).status).toBe(404)
    await off.close()
    const on = await open({ ...PRODUCTION, MEDIA_PROXY_PLAYGROUND_ENABLED: 'true' })
    expect((await send(on.url, '/_playground')).status).toBe(200)
    expect((await send(on.url, '/')).status).toBe(404)
    const upload = { method: 'POST', headers: { origin: on.url, 'x-internal-secret': SECRET }, body: 'a' }
    expect((await send(on.url, '/_playground/upload?name=a', upload)).status).toBe(403)
    await on.close()
  })
})

it('the playground over S3 has neither a list of objects nor uploads', async () => {
  const service = await openS3Origin({
    MEDIA_PROXY_NODE_ENV: 'development',
    MEDIA_PROXY_STORAGE: 's3',
    ...S3_SETTINGS,
  })
  const headers = { origin: service.url }
  const session = await send(service.url, '/_playground/session', { method: 'POST', headers })
  expect(json(session)).toMatchObject({ trusted: true, uploads: false, objects: [] })
  const upload = await send(service.url, '/_playground/upload?name=a', { method: 'POST', headers, body: 'a' })
  expect(upload.status).toBe(403)
  await service.close()
})

const S3_SETTINGS = {
  MEDIA_PROXY_S3_ENDPOINT: 'http://127.0.0.1:9',
  MEDIA_PROXY_S3_ACCESS_KEY_ID: 'a',
  MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'b',
}
