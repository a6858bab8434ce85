/** Tests that a clean aperture that is not inside its image is ignored, as in browsers. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const libav = await loadLibav()

/** The width, the height and the offset of the centre, as fractions. The image has 64x64 pixels. */
const APERTURES = [
  { what: 'inside', values: [16, 1, 8, 1, 0, 1, 0, 1], shown: [16, 8] },
  { what: 'too large', values: [200, 1, 100, 1, 0, 1, 0, 1], shown: [64, 64] },
  { what: 'partly outside', values: [16, 1, 8, 1, 30, 1, 0, 1], shown: [64, 64] },
  { what: 'outside', values: [4, 1, 4, 1, 500, 1, 0, 1], shown: [64, 64] },
  { what: 'empty', values: [0, 1, 8, 1, 0, 1, 0, 1], shown: [64, 64] },
  { what: 'a division by zero', values: [16, 0, 8, 1, 0, 1, 0, 1], shown: [64, 64] },
] as const

describe('a clean aperture', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
  })
  afterAll(() => service.close())

  const formats = libav === undefined ? (['avif'] as const) : (['avif', 'heic'] as const)
  const cases = formats.flatMap((format) => APERTURES.map((aperture) => ({ ...aperture, format })))

  it.each(cases)('of $format that is $what', async ({ format, values, shown }) => {
    // Made with Pillow and pillow-heif.
    const bytes = await readFile(join(import.meta.dirname, `../media/aperture.${format}`))
    for (const [index, value] of values.entries())
      bytes.writeUInt32BE(value, bytes.indexOf('clap') + 4 + 4 * index)
    const name = `${values.join('-')}.${format}`
    await service.put(`attachments/1/${name}`, bytes)
    await service.put(name, bytes, undefined, 'uploads')
    const { status, body } = await send(service.url, `/attachments/1/${name}?format=png&blur=1`)
    expect(status, service.log.at(-1)?.detail).toBe(200)
    const { width, height } = await sharp(body).metadata()
    expect([width, height]).toEqual(shown)
    const metadata = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    expect(JSON.parse(metadata.body.toString())).toMatchObject({ width: shown[0], height: shown[1] })
  })
})
