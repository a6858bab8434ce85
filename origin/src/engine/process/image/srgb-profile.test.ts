import sharp from 'sharp'
import { expect, it } from 'vitest'
import { BT709, greyProfile, rgbProfile } from '../colours/icc-profile.ts'
import { isSrgbProfile } from './srgb-profile.ts'

async function profileOf(name: 'srgb' | 'p3' | 'cmyk'): Promise<Buffer> {
  const image = sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
  const { icc } = await sharp(await image.withIccProfile(name).jpeg().toBuffer()).metadata()
  if (icc === undefined) throw new Error(`no profile ${name}`)
  return icc
}

it('the profile of sRGB changes nothing', async () => {
  for (let visit = 0; visit < 2; visit += 1) expect(await isSrgbProfile(await profileOf('srgb'))).toBe(true)
})

it('the profiles of other spaces and curves do', async () => {
  expect(await isSrgbProfile(await profileOf('p3'))).toBe(false)
  expect(await isSrgbProfile(rgbProfile(BT709, 1.8))).toBe(false)
  expect(await isSrgbProfile(rgbProfile(BT709, 2.2))).toBe(false)
})

it('a profile of another colour model is no profile of sRGB', async () => {
  expect(await isSrgbProfile(await profileOf('cmyk'))).toBe(false)
  expect(await isSrgbProfile(greyProfile(2.2))).toBe(false)
  expect(await isSrgbProfile(Buffer.from('no profile at all'))).toBe(false)
  expect(await isSrgbProfile(Buffer.alloc(200_000))).toBe(false)
})
