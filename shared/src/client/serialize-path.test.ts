import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PARAMETER_GUIDE } from '../request/parameter-guide.ts'
import { ASSET_SIZES, DPRS } from '../request/parameters.ts'
import { parseRequest } from '../request/parse.ts'
import { isFailure } from '../response/failure.ts'
import { verifyExternal } from '../signing/external-url.ts'
import { createKeyRing } from '../signing/hmac.ts'
import type { AssetParameters, TransformationParameters } from './index.ts'
import { createExternalUrls, createMediaUrls } from './index.ts'

const BASE = 'https://media.example.com'
const urls = createMediaUrls(BASE)
const parse = (url: string) => parseRequest(new URL(url), { accept: null, assets: false, presetOf: () => '' })

const FORMATS = ['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'auto'] as const
const quality = fc.oneof(fc.constantFrom('high', 'low', 'lossless'), fc.integer({ min: 1, max: 100 }))
const common = {
  format: fc.constantFrom(...FORMATS),
  quality,
  animated: fc.boolean(),
  dpr: fc.constantFrom(...DPRS),
  blur: fc.integer({ min: 1, max: 100 }),
  crop: fc
    .tuple(...[99_999, 99_999].map((max) => fc.nat({ max })), fc.integer({ min: 1, max: 99_999 }))
    .map(([x, y, side]) => `${x ?? 0},${y ?? 0},${side ?? 1},${side ?? 1}` as const),
  trim: fc.boolean(),
  rotate: fc.constantFrom(90, 180, 270),
  flip: fc.constantFrom('h', 'v'),
  pad: fc.oneof(
    fc.nat({ max: 1000 }),
    fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 1000 })).map(([a, b]) => `${a},${b}` as const),
  ),
  background: fc.stringMatching(/^[0-9A-Fa-f]{6}$/),
  sharpen: fc.integer({ min: 1, max: 10 }),
  maxbytes: fc.integer({ min: 256, max: 99_999_999 }),
  preset: fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
  download: fc.boolean(),
}
const side = fc.integer({ min: 1, max: 16384 })
const assetParameters = fc.record({ size: fc.constantFrom(...ASSET_SIZES), ...common }, { requiredKeys: [] })
const transformation = fc.record(
  {
    width: side,
    height: side,
    fit: fc.constantFrom('cover', 'contain', 'inside'),
    gravity: fc.constantFrom('centre', 'north', 'east', 'south', 'west', 'attention', 'entropy', 'face'),
    time: fc.oneof(
      fc.integer({ min: 0, max: 9_999_999 }),
      fc.integer({ min: 0, max: 9_999_999_000 }).map((milliseconds) => milliseconds / 1000),
      fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%` as const),
      fc.constant('best' as const),
    ),
    ...common,
  },
  { requiredKeys: [] },
)
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const hash = fc.stringMatching(/^(a_)?[A-Za-z0-9]{1,90}$/)
const fileName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((name) => !/[\u0000-\u001f\u007f-\u009f\\/]/.test(name) && name !== '.' && name !== '..')
const path = fc.array(fileName, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'))

const key = (url: string) => {
  const parsed = parse(url)
  if (isFailure(parsed) || !('key' in parsed)) throw new Error(`rejected: ${url}`)
  return parsed.key
}

describe('every URL from the builder', () => {
  it('of an asset is accepted and names that asset', () => {
    fc.assert(
      fc.property(id, hash, assetParameters, (owner, name, parameters: AssetParameters) => {
        const object = name.replace(/^a_/, '')
        expect(key(urls.asset('avatars', owner, name, parameters))).toBe(`avatars/${owner}/${object}`)
        expect(key(urls.memberAsset(owner, owner, 'banners', name, parameters))).toBe(
          `guilds/${owner}/users/${owner}/banners/${object}`,
        )
        expect(key(urls.emoji(owner, parameters))).toBe(`emojis/${owner}`)
        expect(key(urls.sticker(owner, parameters))).toBe(`stickers/${owner}`)
      }),
    )
  })

  it('of an attachment is accepted and names that attachment', () => {
    fc.assert(
      fc.property(path, transformation, (name, parameters: TransformationParameters) => {
        expect(key(urls.attachment(name, parameters))).toBe(`attachments/${name}`)
      }),
    )
  })

  it('of external media is accepted and names that URL', async () => {
    const external = createExternalUrls({ baseUrl: BASE, secretKey: 'secret', now: () => 0 })
    const ring = await createKeyRing(['secret'])
    await fc.assert(
      fc.asyncProperty(fc.webUrl({ withQueryParameters: true }), transformation, async (url, parameters) => {
        const parsed = parse(
          await external.sign(url, { ...(parameters as TransformationParameters), expiresInSeconds: 60 }),
        )
        if (isFailure(parsed) || parsed.kind !== 'external') throw new Error('not external')
        expect(await verifyExternal(parsed, ring, 1)).toMatchObject({ url: new URL(url).href })
      }),
    )
  })

  it('is rejected if the service would reject it or read another name', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.string({ maxLength: 20 }),
        (owner, name) => {
          for (const make of [
            () => [urls.asset('avatars', owner, name), `avatars/${owner}/${name.replace(/^a_/, '')}`],
            () => [urls.attachment(`${owner}/${name}`), `attachments/${owner}/${name}`],
            () => [urls.emoji(owner), `emojis/${owner}`],
            () => [urls.theme(name), `themes/${name}.css`],
            () => [urls.entranceSound(owner, name, 'mp3'), `entrance-sounds/${owner}/${name}.mp3`],
          ]) {
            const made = attempt(make)
            if (made !== undefined) expect(key(made[0] ?? '')).toBe(made[1])
          }
        },
      ),
    )
  })

  it.each([
    ['../avatars/1/abc.png', {}],
    ['1/./abc.png', {}],
    ['1//abc.png', {}],
    ['', {}],
    ['1/abc.png', { width: 0 }],
    ['1/abc.png', { width: 1.5 }],
    ['1/abc.png', { blur: 101 }],
    ['1/abc.png', { quality: Number.NaN }],
    ['1/abc.png', { time: 1e-9 }],
  ])('is rejected for %j %j', (name, parameters) => {
    expect(() => urls.attachment(name, parameters)).toThrow(RangeError)
  })
})

it('the builder accepts every parameter of the guide', () => {
  const known = new Set([
    ...Object.keys(common),
    'size',
    'width',
    'height',
    'fit',
    'gravity',
    'time',
    'duration',
    'sprite',
    'fps',
    'audio',
  ])
  expect(PARAMETER_GUIDE.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([])
})

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof RangeError || error instanceof URIError) return undefined
    throw error
  }
}
