import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { URL_REJECTED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { CachedResponse, EdgeCache } from './cache.ts'
import type { Delivery, DeliveryRequest } from './delivery-request.ts'
import type { EdgeExchange } from './exchange.ts'
import { markValidated, store } from './storing.ts'

const ENTRY = { requestedAt: 5, tag: undefined }
const URL_OF_IT = '/attachments/1/a.png' as CanonicalUrl
// The functions under test use only this member of an exchange.
const exchange = { waitUntil: () => undefined } as unknown as EdgeExchange
const deliveryRequest = { url: URL_OF_IT, exchange } as DeliveryRequest

function fakeCache(kept?: Partial<CachedResponse>) {
  return {
    match: async () => kept as CachedResponse | undefined,
    put: vi.fn(async () => undefined),
    putMissing: vi.fn(async () => undefined),
    delete: async () => true,
    missingSince: async () => undefined,
  } satisfies EdgeCache
}

const delivered = (cache: EdgeCache, response: Response) =>
  store({ cache } as Delivery, deliveryRequest, response, ENTRY)

describe('a rejection by the origin', () => {
  it('is shared with all followers, and remembered when the object is missing', async () => {
    const cache = fakeCache()
    const notFound = { status: 404, headers: { 'x-request-id': 'r' } }
    const { outcome } = await delivered(cache, new Response('Not Found', notFound))
    expect(await outcome).toMatchObject({ kind: 'rejected', rejection: { status: 404 } })
    expect(cache.putMissing).toHaveBeenCalledOnce()
  })

  it('is not remembered when a program in front of the origin sent it', async () => {
    const cache = fakeCache()
    await delivered(cache, new Response('default backend', { status: 404 }))
    expect(cache.putMissing).not.toHaveBeenCalled()
  })

  it.each([404, 401])('applies only to its own client when it concerns the URL: %i', async (status) => {
    const cache = fakeCache()
    const rejected = new Response('No', { status, headers: { [URL_REJECTED_HEADER]: '1' } })
    const { outcome, delivered: answer } = await delivered(cache, rejected)
    expect(await outcome).toEqual({ kind: 'abandoned' })
    expect(cache.putMissing).not.toHaveBeenCalled()
    expect([answer.response.status, answer.response.headers.has(URL_REJECTED_HEADER)]).toEqual([
      status,
      false,
    ])
  })
})

describe('an origin that stops in the middle of a small body', () => {
  afterEach(() => void vi.useRealTimers())

  it('is given up after half a minute', async () => {
    vi.useFakeTimers()
    const cancelled = vi.fn()
    const body = new ReadableStream({ start: (begun) => begun.enqueue(new Uint8Array(3)), cancel: cancelled })
    const answer = delivered(
      fakeCache(),
      new Response(body, { headers: { 'content-length': '1000', 'x-request-id': 'r' } }),
    )
    await vi.advanceTimersByTimeAsync(31_000)
    expect((await answer).delivered.response.status).toBe(502)
    expect(cancelled).toHaveBeenCalledOnce()
  })
})

describe('a revalidation', () => {
  const body = () => new Blob(['new']).stream()
  // `markValidated` uses only the cache of a delivery.
  const delivery = (cache: ReturnType<typeof fakeCache>) => ({ cache }) as unknown as Delivery

  it('keeps the headers of the cached copy', async () => {
    const cache = fakeCache({ etag: '"a"', headers: { etag: '"a"' }, body: body() })
    await markValidated(delivery(cache), URL_OF_IT, { etag: '"a"' } as CachedResponse, ENTRY)
    expect(cache.put).toHaveBeenCalledWith(URL_OF_IT, { etag: '"a"' }, expect.anything(), ENTRY)
  })

  it('does not overwrite a copy that replaced the validated one', async () => {
    const cache = fakeCache({ etag: '"b"', headers: { etag: '"b"' }, body: body() })
    await markValidated(delivery(cache), URL_OF_IT, { etag: '"a"' } as CachedResponse, ENTRY)
    expect(cache.put).not.toHaveBeenCalled()
  })
})
