import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { type FilesystemService, openFilesystemOrigin } from '../services.ts'

const WIDTHS = [16, 32, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400]

let service: FilesystemService

beforeAll(async () => {
  service = await openFilesystemOrigin()
})
afterAll(() => service.close())

const ask = (file: string, width: number, query = '') =>
  send(service.url, `/attachments/1/${file}?width=${width}&format=webp${query}`)

it.each(['png', 'jpg', 'avif'] as const)(
  'renders sizes of one %s requested together exactly like sizes requested one by one',
  async (extension) => {
    const noise = await noisePng(1201, 901)
    const source = {
      png: () => noise,
      jpg: () => sharp(noise).jpeg().toBuffer(),
      avif: () => sharp(noise).avif({ effort: 0 }).toBuffer(),
    }
    const bytes = await source[extension]()
    await service.put(`attachments/1/together.${extension}`, bytes)
    await service.put(`attachments/1/alone.${extension}`, bytes)
    const together = await Promise.all(WIDTHS.map((width) => ask(`together.${extension}`, width)))
    for (const [at, width] of WIDTHS.entries()) {
      const alone = await ask(`alone.${extension}`, width)
      expect([together[at]?.status, alone.status]).toEqual([200, 200])
      expect(together[at]?.body.equals(alone.body), `${width}`).toBe(true)
    }
  },
)

it('renders the other sizes when one cannot be rendered', async () => {
  await service.put('attachments/1/mixed.png', await noisePng(801, 601))
  const [wide, ...others] = await Promise.all([
    ask('mixed.png', 16, '&pad=4000,4000,4000,4000&height=16384'),
    ...WIDTHS.map((width) => ask('mixed.png', width)),
  ])
  expect(wide?.status).toBe(400)
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]))
})
