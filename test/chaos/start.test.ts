import { expect, it } from 'vitest'
import { startService } from '../bench/service.ts'
import { send } from '../http.ts'

/** Milliseconds from the start of the process to its first answers. */
async function start(settings: Readonly<Record<string, string>>) {
  const startedAt = performance.now()
  const service = await startService(settings)
  try {
    expect((await send(service.url, '/_health')).status).toBe(200)
    const healthMs = performance.now() - startedAt
    while ((await send(service.url, '/_ready')).status !== 200);
    return { healthMs, readyMs: performance.now() - startedAt }
  } finally {
    await service.close()
  }
}

/** The best of some: on a busy machine one start may have to wait for others' work. */
async function bestOf(starts: number, settings: Readonly<Record<string, string>>) {
  let best = { healthMs: Number.POSITIVE_INFINITY, readyMs: Number.POSITIVE_INFINITY }
  for (let at = 0; at < starts; at += 1) {
    const { healthMs, readyMs } = await start(settings)
    best = { healthMs: Math.min(best.healthMs, healthMs), readyMs: Math.min(best.readyMs, readyMs) }
  }
  return best
}

it('answers within a second of its start', async () => {
  expect((await bestOf(3, { MEDIA_PROXY_NSFW_ENABLED: 'false' })).healthMs).toBeLessThan(1000)
})

it('is ready with its model within two, and has answered before', async () => {
  const { healthMs, readyMs } = await bestOf(3, { MEDIA_PROXY_NSFW_ENABLED: 'true' })
  expect(healthMs).toBeLessThan(1000)
  expect(readyMs).toBeLessThan(2000)
})
