/** Renditions that are made before they are requested. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'

const SECRET = 'a-secret-for-tests'
const OBJECT = 'attachments/1/a.png'
const SMALL = '/attachments/1/a.png?width=20&format=webp'
const SMALLER = '/attachments/1/a.png?preset=tiny'

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('/_prepare at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_PRESETS: 'tiny:width=10&format=png',
    })
    await service.put(OBJECT, await halvesPng(40, 30))
    await service.put('avatars/1/a', await halvesPng(40, 30))
  })
  afterAll(() => service.close())

  async function prepare(body: unknown, secret = SECRET) {
    const answer = await send(service.url, '/_prepare', {
      method: 'POST',
      headers: { 'x-internal-secret': secret, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return {
      status: answer.status,
      answerBody: answer.status === 202 ? JSON.parse(answer.body.toString()) : undefined,
    }
  }

  it('renders missing renditions, and reports existing ones', async () => {
    const wanted = { object: OBJECT, renditions: [SMALL, SMALLER] }
    expect(await prepare(wanted)).toEqual({
      status: 202,
      answerBody: { ready: [], queued: [SMALL, SMALLER], rejected: [] },
    })
    await expect
      .poll(async () => (await prepare(wanted)).answerBody, { timeout: scaleTimeout(20_000) })
      .toEqual({ ready: [SMALL, SMALLER], queued: [], rejected: [] })
    expect((await send(service.url, SMALL)).headers['content-type']).toBe('image/webp')
  })

  it('renders assets by their key, with and without an extension', async () => {
    const renditions = ['/avatars/1/a.webp?size=16']
    expect((await prepare({ object: 'avatars/1/a', renditions })).status).toBe(202)
    expect((await prepare({ object: 'avatars/1/a.webp', renditions })).status).toBe(202)
  })

  it.each([
    ['of another object', { object: 'attachments/1/b.png', renditions: [SMALL] }],
    ['without parameters', { object: OBJECT, renditions: ['/attachments/1/a.png'] }],
    ['with bad values', { object: OBJECT, renditions: ['/attachments/1/a.png?width=0'] }],
    ['on other hosts', { object: OBJECT, renditions: ['//example.com/a.png?width=20'] }],
    ['of endpoints', { object: OBJECT, renditions: ['/_health'] }],
    ['in an empty list', { object: OBJECT, renditions: [] }],
    [
      'beyond the maximum number',
      { object: OBJECT, renditions: Array.from({ length: 65 }, (__, width) => `${SMALL}&v=${width}`) },
    ],
  ])('rejects renditions %s', async (__, body) => {
    expect((await prepare(body)).status).toBe(400)
  })

  it('requires the secret', async () => {
    expect((await prepare({ object: OBJECT, renditions: [SMALL] }, 'wrong')).status).toBe(401)
  })
})
