import { describe, expect, it } from 'vitest'
import { assetSizeFor, createMediaUrls, densitySrcset, widthSrcset } from './index.ts'

const urls = createMediaUrls('https://media.example.com')

describe('a srcset', () => {
  it('with widths has one candidate for each, in their order', () => {
    expect(
      widthSrcset([640, 320, 640], (width) => urls.attachment('1/a.png', { width, format: 'webp' })),
    ).toBe(
      'https://media.example.com/attachments/1/a.png?width=320&format=webp 320w, ' +
        'https://media.example.com/attachments/1/a.png?width=640&format=webp 640w',
    )
  })

  it('with densities has one candidate for each', () => {
    expect(densitySrcset([1, 2], (dpr) => urls.asset('avatars', '1', 'abc', { size: 64, dpr }))).toBe(
      'https://media.example.com/avatars/1/abc.webp?size=64&dpr=1 1x, ' +
        'https://media.example.com/avatars/1/abc.webp?size=64&dpr=2 2x',
    )
  })

  it('cannot be broken by a URL with a comma or white space', () => {
    expect(widthSrcset([1], () => 'https://example.com/a, b')).toBe('https://example.com/a%2C%20b 1w')
  })
})

it.each([
  [1, 16],
  [16, 16],
  [17, 20],
  [129, 160],
  [16384, 16384],
  [99999, 16384],
])('for %i pixels has the size %i', (pixels, size) => {
  expect(assetSizeFor(pixels)).toBe(size)
})
