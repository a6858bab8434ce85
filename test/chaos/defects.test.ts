/** Defects that no request handler sees: an unhandled rejection, and an exception in a callback. */

import { expect, it } from 'vitest'
import { startService } from '../bench/service.ts'
import { send } from '../http.ts'

/** A module that causes a defect on a signal, as code deep inside a library could. */
const onSignal = (defect: string) =>
  `--import=data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => { ${defect} })`)}`

const defectsIn = (exposition: string) =>
  Number(/^media_proxy_unhandled_errors_total (\d+)$/m.exec(exposition)?.[1])

it('counts an unhandled rejection, and still answers other requests', async () => {
  const service = await startService({
    MEDIA_PROXY_NSFW_ENABLED: 'false',
    NODE_OPTIONS: onSignal("Promise.reject(new Error('left behind'))"),
  })
  const defects = async () => defectsIn((await send(service.url, '/_metrics')).body.toString())
  expect(await defects()).toBe(0)
  process.kill(service.pid, 'SIGUSR2')
  await expect.poll(defects).toBe(1)
  expect((await send(service.url, '/_health')).status).toBe(200)
  await service.close()
  expect(await service.exited).toBe(0)
})

it('exits with an error code after an uncaught exception', async () => {
  const service = await startService({
    MEDIA_PROXY_NSFW_ENABLED: 'false',
    NODE_OPTIONS: onSignal("throw new Error('uncaught')"),
  })
  expect((await send(service.url, '/_health')).status).toBe(200)
  process.kill(service.pid, 'SIGUSR2')
  expect(await service.exited).toBe(1)
  await service.close()
})
