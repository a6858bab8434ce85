import { describe, expect, it } from 'vitest'
import { parseRequest } from '../request/parse.ts'
import { isFailure } from '../response/failure.ts'
import { verifyExternal } from '../signing/external-url.ts'
import { createKeyRing } from '../signing/hmac.ts'
import { createExternalUrls, createMediaUrls } from './index.ts'

const BASE = 'https://media.example.com'
const parse = (url: string) => parseRequest(new URL(url), { accept: null, assets: false })

describe('the URLs of stored media', () => {
  const urls = createMediaUrls(`${BASE}/`)

  it.each([
    [urls.asset('avatars', '1', 'a_abc'), '/avatars/1/a_abc.webp'],
    [urls.asset('icons', '1', 'abc', { extension: 'png', size: 64 }), '/icons/1/abc.png?size=64'],
    [urls.memberAsset('1', '2', 'banners', 'abc'), '/guilds/1/users/2/banners/abc.webp'],
    [urls.emoji('5', { animated: true }), '/emojis/5.webp?animated=true'],
    [urls.sticker('6', { format: 'auto' }), '/stickers/6.webp?format=auto'],
    [
      urls.attachment('1/2/a b ü?.png', { width: 400, time: '50%' }),
      '/attachments/1/2/a%20b%20%C3%BC%3F.png?width=400&time=50%25',
    ],
    [urls.theme('0123456789abcdef'), '/themes/0123456789abcdef.css'],
    [urls.entranceSound('9', 'abc', 'mp3'), '/entrance-sounds/9/abc.mp3'],
  ])('%s is read by the service', (url, expected) => {
    expect(url).toBe(BASE + expected)
    expect(isFailure(parse(url))).toBe(false)
  })
})

describe('the URLs of external media', () => {
  const urls = createExternalUrls({ baseUrl: BASE, secretKey: 'secret', now: () => 1_000_000_500 })

  it('are signed as in the contract', async () => {
    expect(await urls.sign('https://example.com/')).toBe(
      `${BASE}/external/jkGeYYCiqJ67eS5T6lWJ4eQ77pwIaf6yoXXF5LncsHY/v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8`,
    )
  })

  it('are signed with their parameters when configured', async () => {
    const strict = createExternalUrls({ baseUrl: BASE, secretKey: 'secret', signsParameters: true })
    expect(await strict.sign('https://example.com/', { width: 200, format: 'webp' })).toBe(
      `${BASE}/external/YTgT785ECsnpEgOgw1JR5ufgZdaFL5ZGObYTUgu5jng/v3/aHR0cHM6Ly9leGFtcGxlLmNvbS8?width=200&format=webp`,
    )
  })

  it('verify, with parameters and expiry', async () => {
    const url = await urls.sign('https://example.com/a%20b.png?c=d', { width: 400, expiresInSeconds: 600 })
    const parsed = parse(url)
    if (isFailure(parsed) || parsed.kind !== 'external') throw new Error('not external')
    const verified = await verifyExternal(parsed, await createKeyRing(['secret']), 1_000_000)
    expect(verified).toMatchObject({
      url: 'https://example.com/a%20b.png?c=d',
      transformation: { width: 400 },
      // 1,000,000.5 + 600, rounded up to the hour.
      expiresAt: 1_000_800,
    })
  })

  it('are identical within one bucket', async () => {
    const at = (now: number) =>
      createExternalUrls({ baseUrl: BASE, secretKey: 'secret', now: () => now }).sign(
        'https://example.com/',
        {
          expiresInSeconds: 60,
          expiryBucketSeconds: 1000,
        },
      )
    expect(await at(10_000)).toBe(await at(900_000))
    expect(await at(10_000)).not.toBe(await at(950_000))
  })

  it.each(['ftp://example.com/', '/relative', 'javascript:alert(1)', ''])(
    'are not created for %s',
    async (url) => {
      await expect(urls.sign(url)).rejects.toThrow(RangeError)
    },
  )
})
