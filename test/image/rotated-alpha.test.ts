/**
 * Tests an AVIF with a rotation that its alpha lacks, that its tiles have as well, or that it lists after
 * mirroring: browsers rotate the whole image once, and then mirror it.
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

it('an AVIF that lists mirroring before its rotation is rotated first', async () => {
  const service = await openFilesystemOrigin({})
  // Made with Pillow: an image of 128x96 with a red, a green and a blue corner (upper left, upper right and
  // lower right), mirrored vertically and rotated by a quarter anticlockwise, in that order.
  await service.put(
    'attachments/1/mirrored.avif',
    await readFile(join(import.meta.dirname, '../media/mirrored-first.avif')),
  )
  const { status, body } = await send(service.url, '/attachments/1/mirrored.avif?format=png')
  await service.close()
  expect(status).toBe(200)
  const { data, info } = await sharp(body).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([96, 128])
  const brightest = (x: number, y: number) => {
    const pixel = [...data.subarray((y * 96 + x) * 3, (y * 96 + x + 1) * 3)]
    return ['red', 'green', 'blue'][pixel.indexOf(Math.max(...pixel))]
  }
  expect([brightest(5, 5), brightest(5, 122), brightest(90, 122)]).toEqual(['red', 'green', 'blue'])
})
