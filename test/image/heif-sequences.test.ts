/**
 * Tests HEIF files that hold a sequence of images besides a still one: they are animated, unless their major
 * brand is one of still images.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const YELLOW = [240, 220, 40]
const MOVING = [
  [200, 60, 60],
  [60, 180, 60],
  [60, 60, 200],
]
const libav = await loadLibav()

/**
 * Returns a HEIC with a yellow still image and with a sequence of a red, a green and a blue image of 0.2
 * seconds each. Made with pillow-heif and x265.
 */
async function movingHeic(brand: string): Promise<Buffer> {
  const bytes = await readFile(join(import.meta.dirname, '../media/moving.heic'))
  bytes.write(brand, 8, 'latin1')
  return bytes
}

describe.skipIf(libav === undefined)('a HEIF sequence (needs libav)', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const brand of ['msf1', 'hevc', 'heic', 'heix']) await put(brand, await movingHeic(brand))
    const avif = await readFile(join(import.meta.dirname, '../media/moving-turned.avif'))
    avif.write('avif', 8, 'latin1')
    await put('avif', avif)
    const broken = await movingHeic('heic')
    broken.write('none', broken.indexOf('hvc1', broken.indexOf('moov')), 'latin1')
    await put('broken', broken)
  })
  afterAll(() => service.close())

  async function put(name: string, bytes: Uint8Array): Promise<void> {
    await service.put(`attachments/1/${name}`, bytes)
    await service.put(name, bytes, undefined, 'uploads')
  }

  async function post(route: string, name: string) {
    const { body } = await send(service.url, route, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    return JSON.parse(body.toString())
  }

  async function coloursOf(name: string, query: string) {
    const { status, body } = await send(service.url, `/attachments/1/${name}?${query}`)
    expect(status, service.log.at(-1)?.detail).toBe(200)
    const { pages = 1, delay } = await sharp(body).metadata()
    const colours = Array.from({ length: pages }, async (_, page) => {
      const { channels } = await sharp(body, { page }).stats()
      return channels.slice(0, 3).map(({ mean }) => mean)
    })
    return { colours: await Promise.all(colours), delay }
  }

  function expectColours(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]) {
    expect(found).toHaveLength(expected.length)
    for (const [frame, colour] of expected.entries())
      for (const [channel, level] of colour.entries())
        expect(Math.abs((found[frame]?.[channel] ?? 0) - level), `frame ${frame}`).toBeLessThan(10)
  }

  it.each(['msf1', 'hevc'])('plays when its major brand is %s', async (brand) => {
    for (const query of ['format=webp', 'format=gif&blur=1', 'format=webp&rotate=90']) {
      const { colours, delay } = await coloursOf(brand, `${query}&animated=true`)
      expectColours(colours, MOVING)
      expect(delay).toEqual([200, 200, 200])
    }
    expectColours((await coloursOf(brand, 'format=png')).colours, [YELLOW])
    expect(await post('/_metadata', brand)).toMatchObject({ format: 'heic', animated: true, duration: 1 })
    const { frames } = await post('/_frames', brand)
    expect(frames.map(({ timestamp }: { timestamp: number }) => timestamp)).toEqual([0, 0.2, 0.4])
  })

  it('is a clip on request', async () => {
    const { status, headers } = await send(service.url, '/attachments/1/msf1?format=mp4')
    expect([status, headers['content-type']]).toEqual([200, 'video/mp4'])
  })

  it.each(['heic', 'heix', 'avif', 'broken'])('is not played beside a still image: %s', async (name) => {
    const { colours } = await coloursOf(name, 'format=webp&animated=true')
    expect(colours).toHaveLength(1)
    if (name !== 'avif') expectColours(colours, [YELLOW])
    const metadata = await post('/_metadata', name)
    expect([metadata.animated, metadata.duration]).toEqual([false, undefined])
    expect((await post('/_frames', name)).frames).toHaveLength(1)
  })
})
