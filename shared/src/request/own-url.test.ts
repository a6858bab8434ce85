import { describe, expect, it } from 'vitest'
import { encodeBase64Url } from '../encoding/base64url.ts'
import { readMediaUrl } from './own-url.ts'
import { presetRules } from './preset-rules.ts'

const own = {
  publicUrls: ['https://media.example.com', 'http://127.0.0.1:8787', 'https://chat.example.com/media'],
  publicPath: '',
}

const v2 = (url: string) => `v2/${encodeBase64Url(new TextEncoder().encode(url))}`

describe('a media URL', () => {
  it.each([
    ['https://media.example.com/attachments/1/2/a.png?ex=1&hm=2', 'attachments/1/2/a.png'],
    ['http://media.example.com/avatars/1/a_x.webp?size=64', 'avatars/1/x'],
    ['http://127.0.0.1:8787/attachments/1/%20a.png', 'attachments/1/ a.png'],
    ['https://chat.example.com/media/emojis/5.webp', 'emojis/5'],
    [`https://media.example.com/external/sig/${v2('https://media.example.com/icons/1/a.png')}`, 'icons/1/a'],
  ])('%s is in the store', (url, key) => {
    expect(readMediaUrl(url, own)).toMatchObject({ stored: { key } })
  })

  it.each([
    ['https://example.com/attachments/1/a.png', 'https://example.com/attachments/1/a.png'],
    ['http://127.0.0.1:8080/attachments/1/a.png', 'http://127.0.0.1:8080/attachments/1/a.png'],
    ['https://media.example.com:8443/attachments/1/a', 'https://media.example.com:8443/attachments/1/a'],
    ['https://chat.example.com/logo.png', 'https://chat.example.com/logo.png'],
    [
      `https://media.example.com/external/sig/${v2('https://example.com/b.png')}?width=5`,
      'https://example.com/b.png',
    ],
  ])('%s is external', (url, elsewhere) => {
    expect(readMediaUrl(url, own)).toEqual({ url: elsewhere })
  })

  it.each([
    'https://media.example.com/_metadata',
    'https://media.example.com/_playground',
    'https://media.example.com/nothing',
    'https://media.example.com/attachments/1/%2e%2e%2fa',
    'https://media.example.com/external/sig/v2/!!',
  ])('%s is not media', (url) => {
    expect(readMediaUrl(url, own)).toBe('no-media')
  })

  it('may contain an existing preset', () => {
    const named = { ...own, ...presetRules({ presets: { thumb: 'size=64' }, presetsOnly: true }) }
    const asset = 'https://media.example.com/avatars/1/a.webp'
    expect(readMediaUrl(`${asset}?preset=thumb`, named)).toMatchObject({
      stored: { rendition: { size: 64 } },
    })
    expect(readMediaUrl(`${asset}?preset=other`, named)).toBe('no-media')
    // The holder of the key may use more than presets.
    expect(readMediaUrl(`${asset}?size=80`, named)).toMatchObject({ stored: { rendition: { size: 80 } } })
  })

  it('is unwrapped only a limited number of times', () => {
    let url = 'https://media.example.com/attachments/1/a.png'
    for (let level = 0; level < 4; level += 1) url = `https://media.example.com/external/sig/${v2(url)}`
    expect(readMediaUrl(url, own)).toBe('no-media')
  })

  it('is recognised below the path prefix of the public URL, and the rest of that host is external', () => {
    const prefixed = { publicUrls: ['https://chat.example.com'], publicPath: '/media' }
    expect(readMediaUrl('https://chat.example.com/media/attachments/1/a', prefixed)).toMatchObject({
      stored: { key: 'attachments/1/a' },
    })
    expect(readMediaUrl('https://chat.example.com/logo.png', prefixed)).toEqual({
      url: 'https://chat.example.com/logo.png',
    })
  })
})
