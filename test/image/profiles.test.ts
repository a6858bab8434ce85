/**
 * Tests profiles of another colour space than their image, which browsers ignore, and grey profiles, which
 * Sharp ignores.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { greyProfile } from '@media-proxy/origin/engine/process/colours/icc-profile.ts'
import { wrapInTiff } from '@media-proxy/origin/engine/process/formats/tiff/tiff-wrap.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const RED = [220, 30, 30] as const
const GREY = [90, 90, 90] as const
const SIDE = 16

/** Builds a red of 16 bits in which both bytes of each sample are the same. */
function deepRed(profile: Uint8Array): Uint8Array {
  const data = Buffer.from(
    Array.from({ length: SIDE * SIDE }, () => RED.flatMap((level) => [level, level])).flat(),
  )
  return wrapInTiff({ data, width: SIDE, height: SIDE, channels: 3 }, profile, 16)
}

/** Builds linear grey with a profile. With four channels it has an alpha of a half. */
async function linearGrey(channels: 3 | 4): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-profile-'))
  const profile = join(directory, 'linear.icc')
  await writeFile(profile, greyProfile(1))
  const [r, g, b] = GREY
  const grey = sharp({ create: { width: SIDE, height: SIDE, channels, background: { r, g, b, alpha: 0.5 } } })
  const tiff = await grey
    .toColourspace('grey16')
    .withIccProfile(profile)
    .tiff({ compression: 'lzw' })
    .toBuffer()
  await rm(directory, { recursive: true })
  return tiff
}

const IMAGES: Readonly<Record<string, readonly [() => Promise<Uint8Array>, readonly number[]]>> = {
  'colours-junk.tif': [async () => deepRed(Buffer.from('no profile '.repeat(20))), RED],
  'colours-grey.tif': [async () => deepRed(greyProfile(1)), RED],
  'grey.tif': [() => linearGrey(3), GREY],
  'grey-alpha.tif': [() => linearGrey(4), GREY],
  // Made with avifenc; the values are those that Chromium 156 shows.
  'grey.avif': [() => readFile(join(import.meta.dirname, '../media/grey-profile.avif')), [50, 50, 50]],
}

describe('a profile', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({})
    for (const [name, [make]] of Object.entries(IMAGES))
      await service.put(`attachments/1/${name}`, await make())
  })
  afterAll(() => service.close())

  it.each(Object.entries(IMAGES))('is applied or ignored as in browsers: %s', async (name, [, colour]) => {
    const { status, body } = await send(service.url, `/attachments/1/${name}?format=png`)
    expect(status).toBe(200)
    const shown = await sharp(body).toColourspace('srgb').removeAlpha().raw().toBuffer()
    for (const [channel, level] of colour.entries())
      expect(Math.abs((shown[channel] ?? 0) - level)).toBeLessThanOrEqual(2)
  })
})
