/** Objects that are replaced between two questions to their store. */

import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { afterEach, expect, it } from 'vitest'
import { openOrigin } from '../doors.ts'
import { send } from '../http.ts'
import { answering } from './aws-server.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** An object that is another one as soon as its validators were asked for. */
async function replacedOnce() {
  let [etag, text] = ['"old"', 'the old one']
  const server = await answering((request, response) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const [start, end] = range === null ? [0, text.length - 1] : [Number(range[1]), Number(range[2])]
    response.writeHead(range === null ? 200 : 206, {
      etag,
      'content-length': end + 1 - start,
      ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${text.length}` }),
    })
    if (request.method === 'HEAD') [etag, text] = ['"new"', 'another']
    response.end(request.method === 'HEAD' ? undefined : text.slice(start, end + 1))
  })
  const store = createS3Store({
    ...{ endpoint: server.endpoint, region: 'auto', timeoutMs: 5000 },
    ...{ accessKeyId: 'id', secretAccessKey: 'secret' },
  })
  const door = await openOrigin(store, {})
  closers.push(server.close, door.close)
  return door
}

it.each([
  [
    'of a part that is to be of the old one gives the new one whole',
    { range: 'bytes=4-6', 'if-range': '"old"' },
    200,
  ],
  ['of what is to be the old one is refused', { 'if-match': '"old"' }, 412],
  ['of what is not to be the new one is not modified', { 'if-none-match': '"new"' }, 304],
  ['of a part of any gives that of the new one', { range: 'bytes=4-6', 'if-match': '*' }, 206],
])('a request %s', async (_, headers, wanted) => {
  const door = await replacedOnce()
  const { status, body, headers: told } = await send(door.url, '/attachments/1/a.mp3', { headers })
  expect(status).toBe(wanted)
  if (status === 200) expect([told.etag, body.toString()]).toEqual(['"new"', 'another'])
  if (status === 206) expect([told.etag, body.toString()]).toEqual(['"new"', 'her'])
  if (status === 304) expect(told.etag).toBe('"new"')
})
