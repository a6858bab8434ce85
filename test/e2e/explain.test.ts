import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Door, openEdge, openFilesystemOrigin } from '../doors.ts'
import { send } from '../http.ts'

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('a refusal that explains itself, at %s', (_, open) => {
  let door: Door
  beforeAll(async () => {
    door = await open({ MEDIA_PROXY_EXPLAIN_ERRORS: 'true' })
  })
  afterAll(() => door.close())

  it.each([
    ['/avatars/1/a.webp?size=big', 'Bad Request: size=big is no value of size; it takes 16, 20, 22'],
    [
      '/attachments/1/a.png?width=0',
      'Bad Request: width=0 is no value of width; it takes a whole number from 1 to 16384 (px)',
    ],
    [
      '/attachments/1/a.png?fit=crop',
      'Bad Request: fit=crop is no value of fit; it takes cover, contain, inside',
    ],
    [
      '/attachments/1/a.png?time=%3Cscript%3E',
      'Bad Request: time=%3Cscript%3E is no value of time; it takes seconds',
    ],
    ['/attachments/1/a.gif?format=mp4&fit=cover', 'Bad Request: a clip takes fit=inside alone'],
    ['/attachments/1/a.mp4?format=webm&time=best', 'Bad Request: a clip begins at seconds or'],
    ['/avatars/1/a.webp?format=mp4', 'Bad Request: format=mp4 is of attachments and external media'],
    ['/avatars/1/a.bmp', 'Bad Request: the file name of an asset is a hash'],
    ['/external/x', 'Bad Request: an external URL is /external/<signature>/<target>'],
  ])('%s', async (path, words) => {
    const { status, body, headers } = await send(door.url, path)
    expect([status, body.toString().slice(0, words.length)]).toEqual([400, words])
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(body.length),
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
    })
    const head = await send(door.url, path, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([400, String(body.length)])
  })

  it('explains nothing of what is not in the URL', async () => {
    const { status, body } = await send(door.url, '/attachments/1/none.png')
    expect([status, body.toString()]).toEqual([404, 'Not Found'])
  })
})
