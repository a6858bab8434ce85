import { PARAMETER_GUIDE, type ParameterValues } from '@media-proxy/shared/request/parameter-guide.ts'
import { signExternalPath, signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { seededRandom } from '../seeded-random.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'

const SERVICES = [
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const

const SETTINGS = {
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_PRESETS: 'thumb:width=100&height=60&size=64&format=webp;wide:crop=0,0.25,1,0.5',
  MEDIA_PROXY_PRESETS_ONLY: 'true',
}

/** Values that each parameter accepts. */
const VALUES: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  PARAMETER_GUIDE.filter(({ name }) => name !== 'preset' && name !== 'download').map(({ name, values }) => [
    name,
    valuesOf(values),
  ]),
)

function valuesOf(values: ParameterValues): readonly string[] {
  switch (values.kind) {
    case 'choice':
      return values.of
    case 'number':
      return [String(values.min), String(values.max)]
    case 'quality':
      return [...values.names, '50']
    case 'flag':
      return ['true', 'false']
    case 'text':
      return values.examples
    case 'time':
      return ['0', '1.5', '50%']
    case 'seconds':
      return ['1', '2.5']
  }
}

/** Returns a query of one to five parameters, in half of the cases together with a preset. */
function anyQuery(random: () => number): string {
  const pick = (of: readonly string[]) => of[Math.floor(random() * of.length)] ?? ''
  const query = new URLSearchParams(random() < 0.5 ? 'preset=thumb' : '')
  for (let left = 1 + Math.floor(random() * 5); left > 0; left -= 1) {
    const name = pick(Object.keys(VALUES))
    query.set(name, pick(VALUES[name] ?? []))
  }
  return query.toString()
}

describe.each(SERVICES)('presetsOnly, at %s', (_, open) => {
  let service: Service
  let external: string

  beforeAll(async () => {
    service = await open(SETTINGS)
    await service.put('avatars/1/a', await halvesPng(200, 150))
    await service.put('attachments/1/a.png', await halvesPng(400, 300))
    const target = 'https/example.com/a.png'
    external = `/external/${await signExternalTarget(await createKeyRing(['secret']), target)}/${target}`
  })
  afterAll(() => service.close())

  it('allows the presets', async () => {
    const sizeOf = async (path: string) => {
      const { status, body } = await send(service.url, path)
      const { format, width, height } = await sharp(body).metadata()
      return [status, format, width, height]
    }
    expect(await sizeOf('/attachments/1/a.png?preset=thumb')).toEqual([200, 'webp', 100, 60])
    expect(await sizeOf('/attachments/1/a.png?preset=wide')).toEqual([200, 'png', 400, 150])
    expect(await sizeOf('/avatars/1/a.png?preset=thumb')).toEqual([200, 'webp', 64, 48])
    expect(await sizeOf('/avatars/1/a.png')).toEqual([200, 'png', 128, 96])
    expect(await sizeOf('/attachments/1/a.png')).toEqual([200, 'png', 400, 300])
  })

  it('does not restrict URLs whose signature covers the parameters', async () => {
    const url = `${service.originUrl}/gone.png`
    const query = 'width=33&blur=2'
    const path = await signExternalPath(await createKeyRing(['secret']), url, new URLSearchParams(query))
    // The signature is accepted, and the address is rejected.
    expect((await send(service.url, `${path}?${query}`)).body.toString()).toBe('Bad Request')
    expect((await send(service.url, `${path}?width=34&blur=2`)).status).toBe(401)
    expect((await send(service.url, `${external}?${query}`)).status).toBe(400)
  })

  it('rejects 1,000 other sets of parameters with 400, without reading an object', async () => {
    const random = seededRandom(7)
    const before = service.storeOperations.length
    for (let count = 0; count < 1000; count += 1) {
      const path = ['/avatars/1/a.webp', '/emojis/1.webp', '/attachments/1/a.png', external][count % 4]
      const query = anyQuery(random)
      expect((await send(service.url, `${path}?${query}`)).status, query).toBe(400)
    }
    expect(service.storeOperations.length).toBe(before)
  })
})
