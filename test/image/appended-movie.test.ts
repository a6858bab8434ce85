/** Tests an AVIF with a video after its image, as cameras append one to photos: the image is shown. */

import { isoBox } from '@media-proxy/origin/media/iso-boxes.test-data.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'

it('an AVIF with a video behind it is shown as its image', async () => {
  const handler = isoBox('hdlr', Buffer.alloc(8), Buffer.from('vide'), Buffer.alloc(12))
  const movie = isoBox('moov', isoBox('mvhd', Buffer.alloc(100)), isoBox('trak', isoBox('mdia', handler)))
  const image = await sharp({ create: { width: 32, height: 24, channels: 3, background: '#f00' } })
    .avif()
    .toBuffer()
  const service = await openFilesystemOrigin({})
  const brand = isoBox('ftyp', Buffer.from('isom'), Buffer.alloc(4), Buffer.from('mp41'))
  await service.put('attachments/1/moving.avif', Buffer.concat([image, brand, movie]))
  const { status, body } = await send(service.url, '/attachments/1/moving.avif?format=png')
  await service.close()
  expect(status).toBe(200)
  const { data, info } = await sharp(body).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([32, 24])
  expect(data[0]).toBeGreaterThan(240)
})
