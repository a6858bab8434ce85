/** Objects that are replaced between two requests to their store. */

import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openOrigin, type Settings } from '../services.ts'
import { answering } from './aws-server.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Opens an origin with an object that is replaced as soon as its validators were requested. */
async function replacedOnce(settings: Settings) {
  let [etag, text] = ['"old"', 'the old one']
  const server = await answering((request, response) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const [start, end] = range === null ? [0, text.length - 1] : [Number(range[1]), Number(range[2])]
    if (start >= text.length) {
      response.writeHead(416, { 'content-range': `bytes */${text.length}` }).end()
      return
    }
    response.writeHead(range === null ? 200 : 206, {
      etag,
      'content-length': end + 1 - start,
      ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${text.length}` }),
    })
    if (request.method === 'HEAD') [etag, text] = ['"new"', 'another']
    response.end(request.method === 'HEAD' ? undefined : text.slice(start, end + 1))
  })
  const store = createS3Store({
    endpoint: server.endpoint,
    region: 'auto',
    timeoutMs: 5000,
    accessKeyId: 'id',
    secretAccessKey: 'secret',
  })
  const service = await openOrigin(store, settings)
  closers.push(server.close, service.close)
  return service
}

describe.each([
  ['a file', {}],
  ['a page in static mode', { MEDIA_PROXY_STATIC_MODE: 'true' }],
])('%s', (_, settings) => {
  it.each([
    [
      'a range with If-Range of the old object returns the whole new one',
      { range: 'bytes=4-6', 'if-range': '"old"' },
      200,
    ],
    [
      'a range with If-Range beyond the new object returns the whole new one',
      { range: 'bytes=8-9', 'if-range': '"old"' },
      200,
    ],
    ['an If-Match of the old object is rejected', { 'if-match': '"old"' }, 412],
    [
      'a range beyond the new object with If-Match of the old one is rejected',
      { range: 'bytes=8-9', 'if-match': '"old"' },
      412,
    ],
    ['an If-None-Match of the new object causes 304', { 'if-none-match': '"new"' }, 304],
    ['a range with any If-Match is of the new object', { range: 'bytes=4-6', 'if-match': '*' }, 206],
    ['a range beyond the new object is rejected', { range: 'bytes=8-9', 'if-match': '*' }, 416],
  ])('%s', async (_, headers, wanted) => {
    const service = await replacedOnce(settings)
    const { status, body, headers: reported } = await send(service.url, '/attachments/1/a.mp3', { headers })
    expect(status).toBe(wanted)
    if (status === 200) expect([reported.etag, body.toString()]).toEqual(['"new"', 'another'])
    if (status === 206) expect([reported.etag, body.toString()]).toEqual(['"new"', 'her'])
    if (status === 304) expect(reported.etag).toBe('"new"')
  })
})
