import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { type RawResponse, send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service, type Settings } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'

const BASE: Settings = {
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
}

const statuses = (answers: readonly RawResponse[]) => answers.map(({ status }) => status).sort()

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('rate limits at %s', (_, open) => {
  let service: Service
  afterEach(() => service.close())

  async function opened(settings: Settings) {
    service = await open({ ...BASE, ...settings })
    await service.put('avatars/1/a', await halvesPng(64, 48))
    return service
  }

  it('allow exactly the burst, and report the remaining attempts', async () => {
    const { url } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '5',
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: '60000',
    })
    const askedAtSeconds = Date.now() / 1000
    const answers = await Promise.all(Array.from({ length: 9 }, () => send(url, '/avatars/1/a.webp')))
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 200, 429, 429, 429, 429])
    const left = answers
      .filter(({ status }) => status === 200)
      .map(({ headers }) => headers['ratelimit-remaining'])
    expect(left.sort()).toEqual(['0', '1', '2', '3', '4'])
    const rejected = answers.find(({ status }) => status === 429)
    expect(rejected?.body.toString()).toBe('Too Many Requests')
    expect(rejected?.headers).toMatchObject({
      'cache-control': 'no-store',
      'ratelimit-limit': '5',
      'ratelimit-remaining': '0',
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '0',
      'access-control-allow-origin': '*',
    })
    // One attempt becomes available every 12 seconds.
    const retryAfter = Number(rejected?.headers['retry-after'])
    expect(retryAfter).toBeGreaterThanOrEqual(1)
    expect(retryAfter).toBeLessThanOrEqual(12)
    expect(Number(rejected?.headers['ratelimit-reset'])).toBeLessThanOrEqual(60)
    expect(Number(rejected?.headers['x-ratelimit-reset'])).toBeGreaterThan(askedAtSeconds)
  })

  it('restore attempts over time', async () => {
    const { url } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '2',
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: String(scaleTimeout(2000)),
    })
    const attempt = async () => (await send(url, '/avatars/1/a.webp')).status
    expect(await Promise.all(Array.from({ length: 9 }, attempt))).toContain(429)
    await expect.poll(attempt).toBe(200)
  })

  it('never apply to health checks and skipped paths', async () => {
    const { url } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '1',
      MEDIA_PROXY_RATE_LIMIT_SKIP_PATHS: '/avatars/*,/_ready',
    })
    for (const path of ['/_health', '/_ready', '/avatars/1/a.webp']) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => send(url, path)))
      expect(statuses(answers)).toEqual([200, 200, 200, 200])
    }
    const others = await Promise.all(Array.from({ length: 3 }, () => send(url, '/attachments/none')))
    expect(statuses(others)).toEqual([404, 429, 429])
  })

  it('count wrong signatures with a stricter limit, and valid ones not at all', async () => {
    const { url } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '100',
      MEDIA_PROXY_RATE_LIMIT_BAD_SIGNATURE_MAX_ATTEMPTS: '3',
    })
    const wrong = await Promise.all(
      Array.from({ length: 5 }, () => send(url, `/external/wrong/v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8`)),
    )
    expect(statuses(wrong)).toEqual([401, 401, 401, 429, 429])
    const target = `v2/${Buffer.from('http://127.0.0.1/').toString('base64url')}`
    const signature = await signExternalTarget(await createKeyRing(['secret']), target)
    // The signature is valid, and the address is rejected.
    expect((await send(url, `/external/${signature}/${target}`)).status).toBe(400)
    expect((await send(url, '/avatars/1/a.webp')).status).toBe(200)
    const secrets = await send(url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': 'wrong' },
    })
    expect(secrets.status).toBe(429)
  })

  it('count the internal endpoints separately', async () => {
    const { url } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '1',
      MEDIA_PROXY_RATE_LIMIT_INTERNAL_MAX_ATTEMPTS: '3',
    })
    const ask = () =>
      send(url, '/_thumbnail', { method: 'POST', headers: { 'x-internal-secret': 'secret' }, body: '{}' })
    const answers = await Promise.all(Array.from({ length: 5 }, ask))
    expect(statuses(answers)).toEqual([400, 400, 400, 429, 429])
    expect((await send(url, '/avatars/1/a.webp')).status).toBe(200)
  })

  it('stop an attacker who requests uncached renditions, while cache hits stay free', async () => {
    const { url, log } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '10000',
      MEDIA_PROXY_RATE_LIMIT_RENDER_MAX_ATTEMPTS: '20',
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: '600000',
    })
    const sizes = [16, 20, 24, 28, 32, 40]
    const paths = Array.from(
      { length: 60 },
      (__, index) => `/avatars/1/a.webp?size=${sizes[index % 6]}&quality=${index + 1}`,
    )
    const answers = await Promise.all(paths.map((path) => send(url, path)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(40)
    expect(log.filter(({ outcome }) => outcome === 'rendered')).toHaveLength(20)
    const known = paths[answers.findIndex(({ status }) => status === 200)] ?? ''
    const hits = await Promise.all(Array.from({ length: 50 }, () => send(url, known)))
    expect(new Set(statuses(hits))).toEqual(new Set([200]))
  })

  it('count a clip by its seconds', async () => {
    const { url } = await opened({
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '10000',
      MEDIA_PROXY_RATE_LIMIT_RENDER_MAX_ATTEMPTS: '25',
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: '6000000',
    })
    // None of these objects exists. The requests count anyway.
    const answered = []
    for (const [index, query] of ['duration=12.3', '', 'duration=1', 'duration=1', 'duration=0.2'].entries())
      answered.push((await send(url, `/attachments/1/none-${index}.mp4?format=mp4&${query}`)).status)
    expect(answered).toEqual([404, 404, 404, 404, 429])
    expect((await send(url, '/attachments/1/none.png?width=20')).status).toBe(429)
  })
})

describe('the edge and the origin together', () => {
  it('count a request once', async () => {
    const service = await openEdge({ ...BASE, MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '3' })
    try {
      await service.put('avatars/1/a', await halvesPng(64, 48))
      const answers = []
      for (const size of [16, 20, 24, 28])
        answers.push(await send(service.url, `/avatars/1/a.webp?size=${size}`))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
      expect(service.log.filter(({ failure }) => failure === 'rate-limited')).toEqual([])
    } finally {
      await service.close()
    }
  })
})
