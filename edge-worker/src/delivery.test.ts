import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { AttachmentRequest } from '@media-proxy/shared/request/media-request.ts'
import type { ObjectKey } from '@media-proxy/shared/request/object-key.ts'
import { encodeRendition } from '@media-proxy/shared/store/rendition-object.ts'
import { expect, it, vi } from 'vitest'
import type { EdgeCache } from './cache.ts'
import { deliver } from './delivery.ts'
import type { Delivery } from './delivery-request.ts'
import type { EdgeExchange } from './exchange.ts'
import { createLocalFlights } from './local-flights.ts'
import { createStoredRenditions } from './stored-renditions.ts'
import { createTimings } from './timings.ts'

const NOW = 50_000
const REQUEST: AttachmentRequest = {
  kind: 'attachment',
  key: 'attachments/1/a.png' as ObjectKey,
  download: false,
  negotiable: false,
}
const URL_OF_IT = '/attachments/1/a.png' as CanonicalUrl
const WANTED = {
  request: REQUEST,
  name: REQUEST.key,
  url: URL_OF_IT,
  originPath: URL_OF_IT,
  whole: false,
  beforeRender: async () => undefined,
}

function exchangeOf(headers: HeadersInit = {}) {
  const behind: Promise<unknown>[] = []
  const exchange = {
    method: 'GET',
    headers: new Headers(headers),
    requestId: 'r',
    timings: createTimings(() => NOW),
    waitUntil: (work: Promise<unknown>) => behind.push(work),
  }
  // A delivery with a fake origin uses only these members of an exchange.
  return { exchange: exchange as unknown as EdgeExchange, behind }
}

const emptyCache = () =>
  ({
    match: async () => undefined,
    put: vi.fn(async () => undefined),
    putMissing: async () => undefined,
    delete: async () => true,
    missingSince: async () => undefined,
  }) satisfies EdgeCache

function deliveryOf(parts: Partial<Delivery>): Delivery {
  return {
    cache: emptyCache(),
    singleFlight: { join: async () => ({ kind: 'lead', settle: async () => undefined }) },
    localFlights: createLocalFlights(() => NOW),
    origin: async () => new Response(null, { status: 500 }),
    renditions: undefined,
    purgedAt: async () => 0,
    tagOf: async () => undefined,
    maxEntryBytes: 1000,
    now: () => NOW,
    ...parts,
  }
}

it('a leader that fetches the whole file behind a range settles its flight, even when it fails', async () => {
  const settle = vi.fn(async () => undefined)
  let asked = 0
  const delivery = deliveryOf({
    singleFlight: { join: async () => ({ kind: 'lead', settle }) },
    async origin() {
      asked += 1
      if (asked > 1) throw new Error('forced')
      return new Response('a', { status: 206, headers: { 'content-range': 'bytes 0-0/10' } })
    },
  })
  const { exchange, behind } = exchangeOf({ range: 'bytes=0-0' })
  await deliver(delivery, { ...WANTED, exchange })
  await expect(Promise.all(behind)).rejects.toThrow('forced')
  expect(settle).toHaveBeenCalledWith({ kind: 'abandoned' })
})

it.each([
  ['before', NOW - 1, 'cached'],
  ['so lately that an origin may not know of it', NOW + 1, 'uncached'],
])(
  "when the object was purged %s, followers learn how the leader's response was handled",
  async (_, purgedAt, kind) => {
    const settle = vi.fn(async () => undefined)
    const delivery = deliveryOf({
      localFlights: { begin: () => undefined, wait: async () => ({ kind: 'slow' }) },
      singleFlight: { join: async () => ({ kind: 'lead', settle }) },
      purgedAt: async () => purgedAt,
      origin: async () => new Response('abc', { headers: { 'content-length': '3', 'x-request-id': 'r' } }),
    })
    const { exchange, behind } = exchangeOf()
    await deliver(delivery, { ...WANTED, exchange })
    await Promise.all(behind)
    expect(settle).toHaveBeenCalledWith({ kind })
  },
)

it('the age of a rendition from the bucket counts from its upload', async () => {
  const bytes = encodeRendition(
    { format: 'webp', etag: '"a"', sourceKey: REQUEST.key, sourceEtag: '"s"' },
    new Uint8Array(3),
  )
  const object = {
    uploaded: new Date(20_000),
    size: bytes.length,
    arrayBuffer: async () => bytes.buffer,
  }
  const cache = emptyCache()
  const delivery = deliveryOf({
    cache,
    renditions: createStoredRenditions({
      // `find` uses only this member of a bucket.
      bucket: { get: async () => object } as unknown as R2Bucket,
      freshSeconds: 60,
      now: () => NOW,
    }),
  })
  const { exchange, behind } = exchangeOf()
  await deliver(delivery, { ...WANTED, exchange, whole: true })
  await Promise.all(behind)
  expect(cache.put).toHaveBeenCalledWith(URL_OF_IT, expect.anything(), expect.anything(), {
    requestedAt: 20_000,
    tag: undefined,
  })
})
