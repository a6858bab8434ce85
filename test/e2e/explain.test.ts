import { chime } from '@media-proxy/scripts/sample-video.ts'
import { createExternalUrls } from '@media-proxy/shared/client/index.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { type FilesystemService, openEdge, openFilesystemOrigin } from '../services.ts'
import { pathOf, SECRET, token } from './relay-tokens.ts'

const KEY = 'explained'
const NO_MEDIA = 'The content is not a supported image, video or audio format. The file name does not matter.'

/** Rejected files, and the explanations. */
const REJECTED_FILES = [
  ['/attachments/1/notes.png?width=10', `Unsupported file format: ${NO_MEDIA}`],
  [
    '/attachments/1/sound.wav?width=10',
    'Only images and videos can be transformed: the file is wav, which is audio. ' +
      'The file has no image, or no moving image, to transform. Without parameters it is served unchanged.',
  ],
  [
    '/attachments/1/large.png?width=10',
    'Image dimensions too large: 90 x 10 pixels, at most 64 a side. ' +
      'The dimensions, or the memory or time for decoding, exceed the limits of the service.',
  ],
  [
    '/attachments/1/cut.png?width=10',
    'Bad Request: The file starts like media, but nothing of it can be decoded. It is damaged or truncated.',
  ],
] as const

async function putRejectedFiles(service: FilesystemService): Promise<void> {
  await Promise.all([
    service.put('attachments/1/notes.png', Buffer.from('this is no image')),
    service.put('attachments/1/sound.wav', chime()),
    service.put('attachments/1/large.png', await halvesPng(90, 10)),
    // Cut off after the header.
    service.put('attachments/1/cut.png', (await halvesPng(20, 10)).subarray(0, 33)),
  ])
}

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('explanations of rejected requests, at %s', (_, open) => {
  let service: FilesystemService
  beforeAll(async () => {
    service = await open({
      MEDIA_PROXY_EXPLAIN_ERRORS: 'true',
      MEDIA_PROXY_SECRET_KEY: KEY,
      MEDIA_PROXY_LIMITS_SIDE_PIXELS: '64',
      MEDIA_PROXY_UPLOAD_RELAY_SECRET: SECRET,
    })
    await putRejectedFiles(service)
  })
  afterAll(() => service.close())

  it.each([
    ['/avatars/1/a.webp?size=big', 'Bad Request: size=big is invalid; accepted: 16, 20, 22'],
    [
      '/attachments/1/a.png?width=0',
      'Bad Request: width=0 is invalid; accepted: a whole number from 1 to 16384 (px)',
    ],
    ['/attachments/1/a.png?fit=crop', 'Bad Request: fit=crop is invalid; accepted: cover, contain, inside'],
    [
      '/attachments/1/a.png?time=%3Cscript%3E',
      'Bad Request: time=%3Cscript%3E is invalid; accepted: seconds',
    ],
    ['/attachments/1/a.gif?format=mp4&fit=cover', 'Bad Request: a clip supports only fit=inside'],
    ['/attachments/1/a.mp4?format=webm&time=best', 'Bad Request: a clip begins at seconds or'],
    [
      '/avatars/1/a.webp?format=mp4',
      'Bad Request: format=mp4 is supported only for attachments and external media',
    ],
    ['/avatars/1/a.bmp', 'Bad Request: the file name of an asset is a hash'],
    ['/external/x', 'Bad Request: an external URL is /external/<signature>/<target>'],
  ])('state the reason for %s', async (path, words) => {
    const { status, body, headers } = await send(service.url, path)
    expect([status, body.toString().slice(0, words.length)]).toEqual([400, words])
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(body.length),
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
    })
    const head = await send(service.url, path, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([400, String(body.length)])
  })

  it.each(REJECTED_FILES)('state the reason for the file %s', async (path, words) => {
    const { status, body, headers } = await send(service.url, path)
    expect([status, body.toString()]).toEqual([400, words])
    expect(headers['content-length']).toBe(String(body.length))
  })

  it('explain why an address is not fetched, but nothing about a wrong signature', async () => {
    const external = createExternalUrls({ baseUrl: '', secretKey: KEY })
    const path = await external.sign('http://192.168.0.1:8080/cat.png')
    const { status, body } = await send(service.url, path)
    expect([status, body.toString()]).toEqual([
      400,
      'Bad Request: port 8080 is not allowed. The service fetches only http and https URLs with the default port, ' +
        'a public address and no user name.',
    ])
    const wrong = await send(service.url, path.replace('/external/', '/external/A'))
    expect([wrong.status, wrong.body.toString()]).toEqual([401, 'Unauthorized'])
  })

  it('state the maximum size of an upload, because its token contains it', async () => {
    const path = pathOf(await token({ maxBytes: 9 }))
    const { status, body } = await send(service.url, path, { method: 'PUT', body: '0123456789' })
    expect([status, body.toString()]).toEqual([
      413,
      'Payload Too Large: 10 bytes of upload, 9 allowed. The file is larger than the limit of the service.',
    ])
  })

  it('mention nothing that is not in the URL', async () => {
    const { status, body } = await send(service.url, '/attachments/1/none.png')
    expect([status, body.toString()]).toEqual([404, 'Not Found'])
  })
})
