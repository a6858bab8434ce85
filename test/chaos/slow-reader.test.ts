import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { expect, it } from 'vitest'
import { openOrigin } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'

it('disconnects a client that does not read, and releases the store', async () => {
  const { promise: released, resolve: onRelease } = Promise.withResolvers<void>()
  const store = createServer((_, response) => {
    response.writeHead(200, {
      etag: '"e"',
      'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT',
      'content-length': 1_000_000_000,
    })
    response.on('close', onRelease)
    const write = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
      response.once('drain', write)
    }
    write()
  }).listen(0, '127.0.0.1')
  await once(store, 'listening')
  const endpoint = `http://127.0.0.1:${(store.address() as AddressInfo).port}`
  const origin = await openOrigin(
    createS3Store({
      endpoint,
      region: 'auto',
      timeoutMs: scaleTimeout(5000),
      accessKeyId: 'a',
      secretAccessKey: 's',
    }),
    { MEDIA_PROXY_LIMITS_STREAM_IDLE_MS: '1000' },
  )
  const client = connect(Number(new URL(origin.url).port), '127.0.0.1')
  try {
    client.on('error', () => undefined)
    client.write('GET /attachments/1/a.bin HTTP/1.1\r\nHost: test\r\n\r\n')
    await once(client, 'readable')
    client.pause()
    await released
    client.resume()
    await once(client, 'close')
    expect(client.destroyed).toBe(true)
  } finally {
    client.destroy()
    await origin.close()
    store.closeAllConnections()
    store.close()
  }
})
