import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeExternalTarget, encodeExternalTarget } from './external-target.ts'

describe('an external target', () => {
  it.each([
    ['v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8', 'https://example.com/'],
    ['v3/aHR0cHM6Ly9leGFtcGxlLmNvbS8', 'https://example.com/'],
    ['v3/https/example.com/a.png', 'https://example.com/a.png?v3'],
    ['https/example.com/a.png', 'https://example.com/a.png'],
    ['http/example.com:8080/a/b.png', 'http://example.com:8080/a/b.png'],
    ['https/example.com', 'https://example.com/'],
    ['https/example.com/a%2520b.jpg', 'https://example.com/a%20b.jpg'],
    ['https/example.com/a%5Bb%5D.jpg', 'https://example.com/a[b].jpg'],
    ['a%3Db/https/example.com/x', 'https://example.com/x?a=b'],
    ['a%3Db%26c%3D%2520/https/example.com/x', 'https://example.com/x?a=b&c=%20'],
    ['a%3D/b/https/example.com/x', 'https://example.com/x?a=/b'],
    ['flag/https/example.com/x', 'https://example.com/x?flag'],
    ['https/https/x', 'https://https/x'],
    ['a%3Dhttps/https/example.com/x', 'https://example.com/x?a=https'],
    ['https/example.com/what%3F%23.png', 'https://example.com/what%3F%23.png'],
    ['https%3A%2F%2Fexample.com%2Fa%20b%3Fc%3Dd', 'https://example.com/a%20b?c=d'],
    ['HTTPS%3a%2f%2fexample.com%2fa', 'https://example.com/a'],
    ['https%3A%2F%2Fexample.com%2Fa%23fragment', 'https://example.com/a'],
    ['https/EXAMPLE.com/A', 'https://example.com/A'],
  ])('%s is decoded as %s', (target, url) => {
    expect(decodeExternalTarget(target)).toBe(url)
  })

  it.each([
    ['v2/', 'bad-request'],
    ['v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8=', 'bad-request'],
    ['v2/aHR0cHM6Ly9leGFtcGxlLmNvbS9', 'bad-request'],
    ['v2/_____w', 'bad-request'],
    ['v2/ZmlsZTovLy9ldGMvcGFzc3dk', 'address-rejected'],
    ['ftp/example.com/x', 'bad-request'],
    ['https', 'bad-request'],
    ['https//x', 'bad-request'],
    ['https/user%40example.com/x', 'bad-request'],
    ['https/exa%2Fmple.com/x', 'bad-request'],
    ['https/exa%5Cmple.com/x', 'bad-request'],
    ['https/example.com/%ff', 'bad-request'],
    [`https/example.com/${'a'.repeat(8200)}`, 'address-rejected'],
    ['nothing', 'bad-request'],
  ])('%s is rejected', (target, failure) => {
    expect(decodeExternalTarget(target)).toMatchObject({ code: failure })
  })

  it('is decoded exactly once', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (text) => {
        const url = new URL(text).href
        expect(decodeExternalTarget(encodeExternalTarget(url))).toBe(url)
      }),
    )
  })
})
