import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import type { RawImage } from '../pixels/raw-image.ts'
import { modelPixels } from './pixels.ts'

/** The left half in one colour, the right half in another. */
function halves(left: readonly number[], right: readonly number[]): RawImage {
  const pixels = Array.from({ length: 16 * 16 }, (_, at) => (at % 16 < 8 ? left : right))
  return { data: Uint8Array.from(pixels.flat()), width: 16, height: 16, channels: left.length as 3 | 4 }
}

/** Returns the red channel of the upper left and upper right pixel of each square. */
async function cornersOf(image: RawImage) {
  const squares = await modelPixels(image)
  if (isFailure(squares)) throw new Error(squares.code)
  return squares.map((pixels) => [pixels[0], pixels[223 * 3]])
}

describe('the input of the model', () => {
  it.each([
    ['the colours of an opaque image', [255, 255, 255], [0, 0, 0], [255, 0]],
    ['white for transparent pixels', [0, 0, 0, 0], [100, 0, 0, 255], [255, 100]],
    ['black under an image that is white where it is visible', [0, 0, 0, 0], [255, 255, 255, 255], [0, 255]],
    ['black under translucent white', [255, 255, 255, 51], [255, 255, 255, 255], [51, 255]],
    ['white for opaque white', [255, 255, 255, 255], [255, 255, 255, 255], [255, 255]],
    ['white for a fully transparent image', [0, 0, 0, 0], [0, 0, 0, 0], [255, 255]],
  ])('is %s', async (_, left, right, corners) => {
    expect(await cornersOf(halves(left, right))).toEqual([corners])
  })

  it('is an image on white and on black when it depends on the background', async () => {
    // Pixels with hardly any alpha are invisible, and the others are translucent.
    expect(await cornersOf(halves([200, 200, 200, 5], [200, 200, 200, 128]))).toEqual([
      [253, 227],
      [3, 100],
    ])
    // White next to content that is visible on white: the white part is invisible there.
    const decoy = halves([255, 255, 255, 255], [90, 90, 90, 255])
    decoy.data.set([0, 0, 0, 0], 0)
    expect(await modelPixels(decoy)).toHaveLength(2)
  })

  it('is an image on white only when just its edges depend on the background', async () => {
    const cut = halves([0, 0, 0, 0], [90, 90, 90, 255])
    for (let row = 0; row < 16; row += 2) cut.data.set([90, 90, 90, 128], (row * 16 + 8) * 4)
    expect(await modelPixels(cut)).toHaveLength(1)
  })
})
