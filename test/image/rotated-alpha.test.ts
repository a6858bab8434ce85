/**
 * Tests an AVIF with a rotation that its alpha lacks, or that its tiles have as well: browsers rotate the
 * whole image once.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'

it('an AVIF has its alpha rotated with its colours', async () => {
  const service = await openFilesystemOrigin({})
  // A file of 96x64 whose alpha grows to the right, shown rotated by a quarter anticlockwise.
  await service.put(
    'attachments/1/turned.avif',
    await readFile(join(import.meta.dirname, '../media/turned-alpha.avif')),
  )
  const { status, body } = await send(service.url, '/attachments/1/turned.avif?format=png')
  await service.close()
  expect(status).toBe(200)
  const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height, info.channels]).toEqual([64, 96, 4])
  const alphaOfRow = (row: number) => data[row * 64 * 4 + 3]
  expect([alphaOfRow(0), alphaOfRow(95)]).toEqual([255, 0])
})

it('an AVIF is rotated only once when its tiles declare the rotation too', async () => {
  const service = await openFilesystemOrigin({})
  // Made with avifenc: four tiles of 64x64 next to each other, the first one red, shown rotated by a quarter
  // anticlockwise.
  await service.put(
    'attachments/1/tiles.avif',
    await readFile(join(import.meta.dirname, '../media/turned-tiles.avif')),
  )
  const { status, body } = await send(service.url, '/attachments/1/tiles.avif?format=png')
  await service.close()
  expect(status).toBe(200)
  const { data, info } = await sharp(body).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([64, 256])
  const greenOfRow = (row: number) => data[(row * 64 + 32) * 3 + 1] ?? 0
  expect([greenOfRow(20) > 200, greenOfRow(180) > 200, greenOfRow(240) > 200]).toEqual([true, true, false])
})
