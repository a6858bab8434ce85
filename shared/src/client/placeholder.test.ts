import fc from 'fast-check'
import { rgbaToThumbHash, thumbHashToRGBA } from 'thumbhash'
import { describe, expect, it } from 'vitest'
import { placeholderAspectRatio, placeholderDataUrl, placeholderPixels } from './index.ts'

/** Encodes an image of stripes and gradients, so that every coefficient is used. */
function image(width: number, height: number, alpha: (x: number, y: number) => number): string {
  const rgba = Uint8Array.from({ length: width * height * 4 }, (_, at) => {
    const [pixel, channel] = [at >> 2, at & 3]
    const [x, y] = [pixel % width, Math.floor(pixel / width)]
    return [(x * 255) / width, (y * 255) / height, 128 + 127 * Math.sin(x / 3), alpha(x, y)][channel] ?? 0
  })
  return btoa(String.fromCharCode(...rgbaToThumbHash(width, height, rgba)))
}

const opaque = () => 255

describe('a placeholder', () => {
  it.each([
    ['a landscape', image(100, 60, opaque)],
    ['a portrait', image(40, 100, opaque)],
    ['a square', image(64, 64, opaque)],
    ['one with alpha', image(64, 48, (x) => x * 4)],
    ['a very wide one', image(100, 5, opaque)],
  ])('of %s has the pixels of the reference decoder', (_, placeholder) => {
    const reference = thumbHashToRGBA(Uint8Array.from(atob(placeholder), (c) => c.charCodeAt(0)))
    const own = placeholderPixels(placeholder)
    expect([own?.width, own?.height]).toEqual([reference.w, reference.h])
    const worst = Math.max(
      ...Array.from(own?.rgba ?? [], (byte, at) => Math.abs(byte - (reference.rgba[at] ?? 0))),
    )
    // The reference truncates values, this decoder rounds them.
    expect(worst).toBeLessThanOrEqual(1)
    expect(placeholderAspectRatio(placeholder)).toBe(reference.w / reference.h)
  })

  it('is either undefined or small, whatever is decoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const pixels = placeholderPixels(btoa(String.fromCharCode(...bytes)))
        if (pixels === undefined) return
        expect(Math.max(pixels.width, pixels.height)).toBeLessThanOrEqual(32)
        expect(pixels.rgba.length).toBe(pixels.width * pixels.height * 4)
      }),
    )
    for (const text of ['', '!!!!', 'AAAA', 'YWJj', '2fcZFIB3iId/h3iJh4aIYJ2V8g=', 'x'.repeat(4000)]) {
      expect(placeholderDataUrl(text), text.slice(0, 30)).toBeUndefined()
    }
  })

  it('is a PNG as a data URL', () => {
    expect(placeholderDataUrl(image(64, 48, opaque))).toMatch(/^data:image\/png;base64,iVBORw0KGgo/)
  })
})
