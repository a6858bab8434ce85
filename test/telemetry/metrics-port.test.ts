import { expect, it } from 'vitest'
import { startService } from '../bench/service.ts'
import { freePort } from '../free-port.ts'
import { send } from '../http.ts'

it('the metrics port serves only metrics', async () => {
  const port = await freePort()
  const service = await startService({
    MEDIA_PROXY_METRICS_PORT: String(port),
    MEDIA_PROXY_NSFW_ENABLED: 'false',
  })
  try {
    const url = `http://127.0.0.1:${port}`
    const { status, headers, body } = await send(url, '/_metrics', {
      headers: { 'x-forwarded-for': '8.8.8.8' },
    })
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    expect(body.toString()).toContain('media_proxy_engine_processes')
    for (const path of ['/', '/_health', '/avatars/1/a.webp', '/_metadata'])
      expect((await send(url, path)).status, path).toBe(404)
    expect((await send(url, '/_metrics', { method: 'POST' })).status).toBe(405)
  } finally {
    await service.close()
  }
})
