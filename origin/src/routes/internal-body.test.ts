import { afterEach, expect, it, vi } from 'vitest'
import type { Exchange } from './exchange.ts'
import { readInternalBody } from './internal-body.ts'

afterEach(() => vi.useRealTimers())

/** The fields of a request that reading its body needs. */
function exchangeOf(body: ReadableStream<Uint8Array>, signal = new AbortController().signal): Exchange {
  return { headers: new Headers(), body, signal } as unknown as Exchange
}

it('rejects a body that does not end', async () => {
  vi.useFakeTimers()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      setInterval(() => controller.enqueue(Uint8Array.of(0x20)), 1000)
    },
  })
  const read = readInternalBody(exchangeOf(body), 1e6)
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await read).toMatchObject({ code: 'upload-too-slow' })
})

it('stops waiting for a body when its client has left', async () => {
  const client = new AbortController()
  const read = readInternalBody(exchangeOf(new ReadableStream(), client.signal), 1e6)
  client.abort()
  expect(await read).toMatchObject({ code: 'client-gone' })
})
