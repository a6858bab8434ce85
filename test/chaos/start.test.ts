/** The responses of a new process, and their order. The start time is measured by `pnpm bench start`. */

import { expect, it } from 'vitest'
import { startService } from '../bench/service.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'

it('answers from its first moment, and is ready once its model is loaded', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'true' })
  try {
    const answers: string[] = []
    const readiness = async () => {
      const health = await send(service.url, '/_health')
      const ready = await send(service.url, '/_ready')
      answers.push(`${health.status} ${health.body}, ${ready.status} ${ready.body}`)
      return ready.status
    }
    await expect.poll(readiness, { interval: 1 }).toBe(200)
    expect(answers.pop()).toBe('200 OK, 200 OK')
    for (const answer of answers) expect(answer).toBe('200 OK, 503 Not ready: model')
  } finally {
    await service.close()
  }
})

it('renders before its model is loaded', async () => {
  // A model that does not exist never becomes ready.
  const service = await startService({
    MEDIA_PROXY_NSFW_ENABLED: 'true',
    MEDIA_PROXY_NSFW_MODEL_PATH: '/nonexistent/model.onnx',
  })
  try {
    await service.put('cdn/avatars/1/a', await halvesPng(400, 300))
    expect((await send(service.url, '/avatars/1/a.webp?size=64')).status).toBe(200)
    expect((await send(service.url, '/_ready')).body.toString()).toBe('Not ready: model')
  } finally {
    await service.close()
  }
})
