import { describe, expect, it } from 'vitest'
import { contentDisposition } from './headers.ts'

describe('Content-Disposition', () => {
  const nameIn = (header: string) => decodeURIComponent(/filename\*=UTF-8''(.*)$/.exec(header)?.[1] ?? '')

  it('states a name of 255 characters unchanged', () => {
    const name = `${'ü'.repeat(251)}.png`
    expect(nameIn(contentDisposition('inline', name))).toBe(name)
  })

  it.each([
    ['letters', 'a'.repeat(5000)],
    ['characters of three bytes', '日'.repeat(2000)],
    ['characters of two code units', `x${'🎉'.repeat(2000)}`],
  ])('shortens a name of many %s so that proxies accept the header, and keeps the extension', (_, start) => {
    const header = contentDisposition('attachment', `${start}.webp`)
    const name = nameIn(header)
    expect(header.length).toBeLessThan(3000)
    expect(name.length).toBeGreaterThanOrEqual(254)
    expect(name.length).toBeLessThanOrEqual(255)
    expect(name.endsWith('.webp')).toBe(true)
    expect(start.startsWith(name.slice(0, -5))).toBe(true)
  })

  it('shortens a name without an extension', () => {
    expect(nameIn(contentDisposition('inline', 'a'.repeat(300)))).toBe('a'.repeat(255))
    expect(nameIn(contentDisposition('inline', `.${'a'.repeat(300)}`))).toHaveLength(255)
  })
})
