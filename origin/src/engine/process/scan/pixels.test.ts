import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import type { RawPicture } from '../image/raw-picture.ts'
import { modelPixels } from './pixels.ts'

/** The left half of one colour, the right half of another. */
function halves(left: readonly number[], right: readonly number[]): RawPicture {
  const pixels = Array.from({ length: 16 * 16 }, (_, at) => (at % 16 < 8 ? left : right))
  return { data: Uint8Array.from(pixels.flat()), width: 16, height: 16, channels: left.length as 3 | 4 }
}

async function cornersOf(picture: RawPicture) {
  const pixels = await modelPixels(picture)
  if (isFailure(pixels)) throw new Error(pixels.code)
  return [pixels[0], pixels[223 * 3]]
}

describe('what the model sees', () => {
  it.each([
    ['of opaque pictures, their colours', [255, 255, 255], [0, 0, 0], [255, 0]],
    ['of what is transparent, white', [0, 0, 0, 0], [100, 0, 0, 255], [255, 100]],
    [
      'of what is white where it is to be seen, black behind it',
      [0, 0, 0, 0],
      [255, 255, 255, 255],
      [0, 255],
    ],
    ['of what shines through, the same', [255, 255, 255, 51], [255, 255, 255, 255], [51, 255]],
    ['of white that is opaque, white', [255, 255, 255, 255], [255, 255, 255, 255], [255, 255]],
    ['of nothing at all, white', [0, 0, 0, 0], [0, 0, 0, 0], [255, 255]],
  ])('is %s', async (_, left, right, corners) => {
    expect(await cornersOf(halves(left, right))).toEqual(corners)
  })
})
