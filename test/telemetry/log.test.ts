import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { halvesPng, noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { type FilesystemService, openFilesystemOrigin } from '../services.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'

const KEY = 'key-that-nobody-may-read'
const TRACE_ID = 'a'.repeat(32)
const TRACED = { traceparent: `00-${TRACE_ID}-${'1'.repeat(16)}-00` }

let far: UpstreamServer
let service: FilesystemService
const signatures: string[] = []

/** Returns the path of a signed external URL. */
async function signed(url: string): Promise<string> {
  const target = `v2/${Buffer.from(url).toString('base64url')}`
  const signature = await signExternalTarget(await createKeyRing([KEY]), target)
  signatures.push(signature, target.slice(3))
  return `/external/${signature}/${target}`
}

/** Sends a request and returns its log record. */
async function lineOf(path: string, requestId: string, options: Parameters<typeof send>[2] = {}) {
  const headers = { 'x-request-id': requestId, ...TRACED, ...options.headers }
  // A body that breaks off also fails at the client. Only the log record matters here.
  const answer = await send(service.url, path, { ...options, headers }).catch(() => undefined)
  const lines = service.log.filter((line) => 'requestId' in line && line.requestId === requestId)
  return { answer, lines, line: lines.find(({ msg }) => msg === 'request') }
}

beforeAll(async () => {
  const image = await halvesPng(64, 48)
  const served = files({ '/hidden-path/a.png': image })
  far = await openUpstreamServer((request, response) => {
    if (!request.url?.startsWith('/hidden-path/broken')) return served(request, response)
    response.writeHead(200, { 'content-length': 1_000_000 })
    // More than is read before the response starts.
    response.write(Buffer.concat([image, Buffer.alloc(300_000)]), () => response.socket?.end())
  })
  service = await openFilesystemOrigin({
    MEDIA_PROXY_SECRET_KEY: KEY,
    MEDIA_PROXY_EXPLAIN_ERRORS: 'false',
    MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
  })
  await service.put('attachments/1/holiday-plans.png', await noisePng(200, 100))
  await service.put('attachments/1/notes.png', Buffer.from('this is no image'))
  await service.put('avatars/1/brokenavatar', Buffer.from('\x89PNG\r\n\x1a\nnothing of an image'))
})
afterAll(async () => {
  await service.close()
  await far.close()
})

it('writes one record for a request, with its route, its outcome and its timing', async () => {
  const { answer, line, lines } = await lineOf('/attachments/1/holiday-plans.png?width=50&format=webp', 'one')
  expect(lines).toHaveLength(1)
  expect(line).toMatchObject({
    level: 30,
    traceId: TRACE_ID,
    method: 'GET',
    route: 'attachments-transformed',
    status: 200,
    bytes: answer?.body.length,
    outcome: 'rendered',
    ms: expect.any(Number),
    stages: {
      'store get': expect.any(Number),
      'queue quick': expect.any(Number),
      render: expect.any(Number),
    },
  })
})

it.each([
  ['size', '/avatars/1/brokenavatar.webp?size=big', /^size=big is invalid; accepted: 16, 20/],
  ['file', '/attachments/1/notes.png?width=9', /^the first bytes are of no accepted type$/],
])('states the cause of a rejection, the %s, when the response does not', async (name, path, detail) => {
  const { answer, line } = await lineOf(path, `rejected-${name}`)
  expect([answer?.status, answer?.body.toString()]).toEqual([
    400,
    name === 'size' ? 'Bad Request' : 'Unsupported file format',
  ])
  expect(line?.detail).toMatch(detail)
})

it('sends the same timing to the client', async () => {
  const { answer } = await lineOf('/attachments/1/holiday-plans.png?width=51&format=webp', 'timing')
  expect(answer?.headers['server-timing']).toMatch(
    /^queue-reads;dur=[\d.]+, .*\bstore-get;dur=[\d.]+, .*\brender;dur=[\d.]+, total;dur=[\d.]+$/,
  )
})

it.each([
  ['/attachments/1/lost-plans.png?width=50', 404, 'not-found'],
  ['/attachments/1/holiday-plans.png?width=0', 400, 'bad-request'],
  ['/avatars/1/brokenavatar.webp', 500, 'broken-source'],
])('names the failure of %s', async (path, status, failure) => {
  expect((await lineOf(path, `failure-${status}`)).line).toMatchObject({ status, failure })
})

it('writes a record when a response breaks off, and sends nothing of it to the client', async () => {
  const path = await signed(`${far.url}/hidden-path/broken.png`)
  const { answer, lines } = await lineOf(path, 'broken')
  expect(answer).toBeUndefined()
  expect(lines.map(({ msg }) => msg)).toEqual(['request', 'a response body failed'])
  expect(lines[1]).toMatchObject({ failure: 'external-unreachable' })
  expect((await lineOf('/_health', 'after')).answer?.status).toBe(200)
})

it('never contains a name, an external address, a signature or a secret', async () => {
  const secret = { 'x-internal-secret': KEY }
  const post = (body: unknown, headers: Record<string, string> = secret) => ({
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  await lineOf(await signed(`${far.url}/hidden-path/a.png?token=far-token`), 'far')
  await lineOf(`${await signed(`${far.url}/hidden-path/a.png`)}?width=16`, 'far-rendered')
  await lineOf(await signed(`${far.url}/hidden-path/none.png`), 'far-missing')
  await lineOf(await signed('http://169.254.169.254/hidden-path'), 'rejected')
  await lineOf(await signed('http://user:far-token@example.com/hidden-path'), 'userinfo')
  await lineOf(await signed('http://no-such-name.invalid/hidden-path'), 'unresolved')
  await lineOf((await signed(`${far.url}/hidden-path/a.png`)).replace('/external/', '/external/A'), 'forged')
  await lineOf('/attachments/1/holiday-plans.png', 'streamed')
  await lineOf('/attachments/1/holiday-plans.png/', 'folder')
  await lineOf(`/attachments/1/${'holiday-plans'.repeat(100)}`, 'long')
  await lineOf('/attachments/1/holiday-plans%2f..%2f..%2fx', 'escaping')
  await lineOf('/holiday-plans/nowhere', 'no-route')
  for (const [index, type] of ['upload', 's3', 'external', 'base64', 'holiday-plans'].entries()) {
    const media = {
      type,
      upload_filename: 'holiday-plans',
      bucket: 'holiday-plans',
      key: 'holiday-plans',
      url: `${far.url}/hidden-path/none.png`,
      base64: Buffer.from('holiday-plans').toString('base64'),
    }
    await lineOf('/_metadata', `metadata-${index}`, post(media))
  }
  await lineOf('/_metadata', 'unknown', post({}, { 'x-internal-secret': `${KEY}x` }))
  await lineOf('/_metadata', 'bearer', post({ type: 'upload' }, { authorization: `Bearer ${KEY}` }))
  await lineOf('/_metadata', 'no-json', { method: 'POST', headers: secret, body: '{"holiday-plans"' })
  expect(service.log.filter(({ msg }) => msg === 'request').length).toBeGreaterThan(20)
  const text = JSON.stringify(service.log)
  for (const word of ['holiday-plans', 'lost-plans', 'hidden-path', 'far-token', KEY, ...signatures])
    expect(text).not.toContain(word)
})
