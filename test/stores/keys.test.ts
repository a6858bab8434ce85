/** Objects with unusual names, on third-party servers. miniflare and moto verify the signatures. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openOriginBefore, openS3Server, type Service } from '../services.ts'
import { STRANGE_NAMES } from './keys.ts'
import { HAS_MOTO, MOTO_SKIPPED, openMoto } from './moto.ts'
import { strictlyEncoded } from './s3-server.ts'
import { openS3rver } from './s3rver.ts'

const SERVERS = [
  ['miniflare', openS3Server],
  ['s3rver', openS3rver],
  ...(HAS_MOTO ? [['moto', openMoto] as const] : []),
] as const

if (!HAS_MOTO) it.skip(`keys at moto, ${MOTO_SKIPPED}`, () => undefined)

describe.each(SERVERS)('an object in %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await openOriginBefore(await open())
  })
  afterAll(() => service.close())

  it.each(STRANGE_NAMES)('named %j is found: whole, as a range and with HEAD', async (name) => {
    const key = `attachments/1/${name}`
    await service.put(key, Buffer.from('0123456789'), 'text/plain')
    const path = `/${strictlyEncoded(key)}`
    const whole = await send(service.url, path)
    expect([whole.status, whole.body.toString()]).toEqual([200, '0123456789'])
    const part = await send(service.url, path, { headers: { range: 'bytes=2-4' } })
    expect([part.status, part.body.toString()]).toEqual([206, '234'])
    const head = await send(service.url, path, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, '10'])
    const missing = await send(service.url, `/${strictlyEncoded(`attachments/2/${name}`)}`)
    expect(missing.status).toBe(404)
  })
})
