import { setImmediate as aTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { UPLOAD_PACE, uploadBody } from './upload-body.ts'

it('does not count a store that stops reading as a body that broke off', async () => {
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
  const received = uploadBody(silent, { maxBytes: 10, pace: UPLOAD_PACE, collector: () => undefined })
  const reader = received.stream.getReader()
  const read = reader.read()
  await aTurn()
  await reader.cancel()
  await read
  await aTurn()
  expect(received.failure).toBeUndefined()
})

it('reports a body that broke off', async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error('reset')),
  })
  const received = uploadBody(broken, { maxBytes: 10, pace: UPLOAD_PACE, collector: () => undefined })
  await expect(received.stream.getReader().read()).rejects.toThrow()
  expect(received.failure).toMatchObject({ code: 'bad-request' })
})
