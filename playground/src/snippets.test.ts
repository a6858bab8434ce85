import { createMediaUrls } from '@media-proxy/client'
import { describe, expect, it } from 'vitest'
import { LANGUAGES, snippet } from './snippets.ts'
import { readHash, type State, serializeHash } from './state.ts'

const BASE = 'http://127.0.0.1:8787'
const of = (source: string, parameters: Readonly<Record<string, string>> = {}): State => ({
  source,
  parameters,
})
const typeScript = (state: State) => snippet('TypeScript', BASE + state.source, state)

describe('the snippets', () => {
  it.each([
    [
      of('/attachments/1/a%20b.png', { width: '64', time: '50%' }),
      '/attachments/1/a%20b.png?width=64&time=50%25',
    ],
    [of('/avatars/1/a_abc.png', { size: '64', quality: 'low' }), '/avatars/1/a_abc.png?size=64&quality=low'],
    [of('/avatars/1/abc.webp'), '/avatars/1/abc.webp'],
    [of('/guilds/1/users/2/banners/abc.gif', { dpr: '1.5' }), '/guilds/1/users/2/banners/abc.gif?dpr=1.5'],
    [of('/emojis/5.webp', { animated: 'true' }), '/emojis/5.webp?animated=true'],
    [of('/stickers/6.webp', { size: '160' }), '/stickers/6.webp?size=160'],
    [of('/themes/0123456789abcdef.css'), '/themes/0123456789abcdef.css'],
    [of('/entrance-sounds/9/abc.mp3'), '/entrance-sounds/9/abc.mp3'],
  ])('in TypeScript build the displayed URL: %j', (state, expected) => {
    const call = /media\.(.*)$/s.exec(typeScript(state))?.[1] ?? ''
    const made: unknown = new Function('media', `return media.${call}`)(createMediaUrls(BASE))
    expect(made).toBe(BASE + expected)
    expect(snippet('URL', BASE + state.source, state)).toBe(BASE + expected)
  })

  it('keep a segment with an invalid percent-encoding', () => {
    const state = of('/attachments/1/100%.png', { width: '64' })
    for (const language of LANGUAGES) expect(snippet(language, BASE + state.source, state)).toContain('100')
  })

  it('escape the quotes of their language', () => {
    const state = of(`/attachments/1/it's "x".png`, { width: '64', height: '32' })
    expect(snippet('curl', BASE + state.source, state)).toContain(String.raw`it'\''s`)
    expect(snippet('img', BASE + state.source, state)).toContain('&quot;x&quot;.png?width=64&amp;height=32')
  })

  it('sign external media on a server', () => {
    const text = typeScript(of('https://example.com/a.png', { width: '64' }))
    expect(text).toMatch(/^import \{ createExternalUrls \} from '@media-proxy\/client'$/m)
    expect(text).toContain(`external.sign("https://example.com/a.png", { width: 64 })`)
  })

  it.each(LANGUAGES)('exist in %s for a URL without parameters', (language) => {
    expect(snippet(language, `${BASE}/attachments/1/a.png`, of('/attachments/1/a.png'))).toContain('1/a.png')
  })
})

it('the address bar stores the state, and ignores an invalid one', () => {
  const state = of('/attachments/1/a b&c.png', { width: '64', time: '50%' })
  expect(readHash(serializeHash(state))).toEqual(state)
  expect(readHash('#source=javascript:alert(1)')).toBeUndefined()
  expect(readHash('#other=1')).toBeUndefined()
  expect(readHash('#source=/a&unknown=1')).toEqual(of('/a'))
})
