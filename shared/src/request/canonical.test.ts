import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFailure } from '../response/failure.ts'
import { canonicalUrl } from './canonical.ts'
import type { MediaRequest, SourceRequest } from './media-request.ts'
import { PARAMETER_GUIDE } from './parameter-guide.ts'
import { ASSET_SIZES, DPRS } from './parameters.ts'
import { parseRequest } from './parse.ts'

const NOTHING = { accept: null, assets: false }

function parse(url: string, accept: string | null = null): MediaRequest {
  const parsed = parseRequest(new URL(url, 'http://proxy.test'), { accept, assets: false })
  if (isFailure(parsed)) throw new Error(`${url}: ${parsed.code} ${parsed.detail}`)
  return parsed
}

function source(request: MediaRequest): SourceRequest {
  if (request.kind === 'endpoint' || request.kind === 'playground' || request.kind === 'relay')
    throw new Error('no source')
  if (request.kind !== 'external') return request
  return { ...request, kind: 'verified-external', url: 'https://example.com/a%20b.png?c=d' }
}

const key = (url: string, accept?: string) => canonicalUrl(source(parse(url, accept)))

const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
const anyQuality = fc.oneof(
  fc.constantFrom('high', 'low', 'lossless'),
  fc.integer({ min: 1, max: 100 }).map(String),
)
const FORMATS = ['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'auto'] as const
const anyFormat = fc.constantFrom(...FORMATS)
const flag = fc.constantFrom('true', 'false')
const side = fc.integer({ min: 1, max: 16384 }).map(String)
const blur = fc.integer({ min: 1, max: 100 }).map(String)
const dpr = fc.constantFrom(...DPRS.map(String))

const fraction = fc.integer({ min: 0, max: 9999 }).map((number) => (number / 10_000).toFixed(4))
const share = fc.integer({ min: 1, max: 10_000 }).map((number) => (number / 10_000).toFixed(4))
const pixel = fc.integer({ min: 1, max: 99_999 }).map(String)
const padding = fc.integer({ min: 0, max: 1000 }).map(String)
const operations = {
  background: optional(fc.constantFrom('ffffff', 'FFFFFF', '12aB9e')),
  crop: optional(
    fc.oneof(fc.tuple(pixel, pixel, pixel, pixel), fc.tuple(fraction, fraction, share, share)).map(String),
  ),
  flip: optional(fc.constantFrom('h', 'v')),
  maxbytes: optional(fc.integer({ min: 256, max: 99_999_999 }).map(String)),
  pad: optional(fc.array(padding, { minLength: 1, maxLength: 4 }).map(String)),
  rotate: optional(fc.constantFrom('90', '180', '270')),
  sharpen: optional(fc.integer({ min: 1, max: 10 }).map(String)),
  trim: optional(flag),
}

const assetQuery = fc.record({
  size: optional(fc.constantFrom(...ASSET_SIZES.map(String))),
  format: optional(anyFormat),
  quality: optional(anyQuality),
  animated: optional(flag),
  dpr: optional(dpr),
  blur: optional(blur),
  ...operations,
  download: optional(flag),
})

const imageQuery = {
  width: optional(side),
  height: optional(side),
  format: optional(anyFormat),
  quality: optional(anyQuality),
  animated: optional(flag),
  fit: optional(fc.constantFrom('cover', 'contain', 'inside')),
  gravity: optional(
    fc.constantFrom('centre', 'north', 'east', 'south', 'west', 'attention', 'entropy', 'face'),
  ),
  dpr: optional(dpr),
  blur: optional(blur),
  time: optional(fc.constantFrom('0', '1.5', '12.345', '50%', '0%', '100%', 'best')),
  sprite: optional(fc.constantFrom('1x2', '4x3', '10x10')),
  duration: optional(fc.constantFrom('1', '2.5', '10', '60')),
  fps: optional(fc.integer({ min: 1, max: 30 }).map(String)),
  audio: optional(flag),
  ...operations,
  download: optional(flag),
}

const transformationQuery = fc.oneof(
  fc.record(imageQuery),
  fc.record({
    ...imageQuery,
    format: fc.constantFrom('mp4', 'webm'),
    fit: optional(fc.constant('inside')),
    time: optional(fc.constantFrom('0', '1.5', '50%')),
  }),
)

const assetPath = fc.constantFrom(
  '/avatars/1/abc.webp',
  '/avatars/1/a_abc.gif',
  '/avatars/1/a_a_abc.JPEG',
  '/icons/2/abc.svg',
  '/guilds/3/users/4/banners/a_x.avif',
  '/emojis/5.png',
  '/avatars/1/a_abc.apng',
  '/avatars/1/a_abc.heic',
  '/emojis/a_b.gif',
  '/stickers/6',
  '/stickers/6.jpg',
)
const attachmentPath = fc
  .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .filter((segments) =>
    segments.every((segment) => !/^\.{1,2}$|[\u0000-\u001f\u007f-\u009f\\/]/.test(segment)),
  )
  .filter((segments) => segments.every((segment) => segment.isWellFormed()))
  .map((segments) => `/attachments/${segments.map(encodeURIComponent).join('/')}`)
const externalPath = fc.constant('/external/sig/https/example.com/a%2520b.png')

const anyUrl = fc
  .oneof(
    fc.tuple(assetPath, assetQuery),
    fc.tuple(attachmentPath, transformationQuery),
    fc.tuple(externalPath, transformationQuery),
  )
  .map(([path, query]) => ({
    path,
    entries: Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  }))

const serialize = (path: string, entries: readonly (readonly string[])[]) =>
  `${path}?${entries.map(([name, value = '']) => `${name}=${encodeURIComponent(value)}`).join('&')}`

describe('the canonical URL', () => {
  it('is tested with every parameter of the guide', () => {
    // A preset is replaced with its parameters before the canonical URL is built.
    const guide = PARAMETER_GUIDE.map(({ name }) => name).filter((name) => name !== 'preset')
    expect(new Set([...Object.keys(imageQuery), 'size'])).toEqual(new Set(guide))
  })

  it('parses to the request that it was built from', () => {
    fc.assert(
      fc.property(anyUrl, fc.constantFrom(null, 'image/avif,*/*'), ({ path, entries }, accept) => {
        const request = source(parse(serialize(path, entries), accept))
        const again = source(parse(canonicalUrl(request)))
        // The canonical URL has a resolved format, so it is never negotiable.
        expect({ ...again, negotiable: false, signature: '', rawTarget: '' }).toEqual({
          ...request,
          negotiable: false,
          signature: '',
          rawTarget: '',
        })
      }),
    )
  })

  it('is its own canonical URL', () => {
    fc.assert(
      fc.property(anyUrl, ({ path, entries }) => {
        const once = key(serialize(path, entries))
        expect(key(once)).toBe(once)
      }),
    )
  })

  it('is the same for every order, repetition and unknown parameter', () => {
    fc.assert(
      fc.property(
        anyUrl,
        fc.infiniteStream(fc.nat(1000)),
        fc.string({ maxLength: 8 }),
        ({ path, entries }, ranks, extra) => {
          const shuffled = entries
            .map((entry) => ({ entry, rank: ranks.next().value }))
            .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
            .map(({ entry }) => entry)
          const repeated = entries.map(([name = '']) => [name, 'second value'])
          const noisy = serialize(path, [...shuffled, ['unknown', extra], ...repeated])
          expect(key(noisy)).toBe(key(serialize(path, entries)))
        },
      ),
    )
  })

  it.each([
    ['/avatars/1/abc.webp', '/avatars/1/abc.webp?size=128&quality=high&animated=false&dpr=1&download=false'],
    ['/avatars/1/abc.webp?size=128', '/avatars/1/abc.webp?dpr=2&size=64'],
    ['/avatars/1/abc.webp?quality=80', '/avatars/1/abc.WEBP?quality=high'],
    ['/avatars/1/abc.jpeg', '/avatars/1/abc.JPG'],
    ['/avatars/1/a_abc.gif', '/avatars/1/abc.gif?animated=true'],
    ['/avatars/1/a_abc.png', '/avatars/1/abc.png'],
    ['/avatars/1/abc.jpg', '/avatars/1/abc.jpg?animated=1'],
    ['/avatars/1/abc.webp?size=1024', '/avatars/1/abc.webp?size=1000'],
    ['/emojis/1.gif', '/emojis/1.gif?animated=1'],
    ['/stickers/1', '/stickers/1.webp'],
    ['/attachments/1/a.png?width=100', '/attachments/1/a.png?width=100&fit=contain&gravity=north'],
    ['/attachments/1/a.png?width=100', '/attachments/1/%61.png?dpr=2&width=50&quality=high'],
    ['/attachments/1/a.png', '/attachments/1/a.png?quality=lossless&fit=inside&dpr=3&gravity=east'],
    ['/attachments/1/a.png?format=png', '/attachments/1/a.png?format=png&quality=high'],
    ['/attachments/1/a.mp4?time=1.5', '/attachments/1/a.mp4?time=1.500'],
    ['/attachments/1/a.mp4?sprite=3x2', '/attachments/1/a.mp4?sprite=3x2&width=160&format=webp&dpr=1'],
    ['/attachments/1/a.mp4?sprite=3x2&dpr=2', '/attachments/1/a.mp4?sprite=3x2&format=auto'],
    [
      '/attachments/1/a.png?width=9&height=5&fit=contain',
      '/attachments/1/a.png?width=9&height=5&fit=contain&gravity=face',
    ],
    ['/attachments/1/a.png?flip=v', '/attachments/1/a.png?rotate=180&flip=h'],
    ['/attachments/1/a.png?rotate=90&flip=v', '/attachments/1/a.png?flip=h&rotate=270'],
    ['/attachments/1/a.png?crop=0,0.5,1,0.5', '/attachments/1/a.png?crop=0.0,0.50,1,0.9'],
    ['/attachments/1/a.png', '/attachments/1/a.png?crop=0,0,1.0,1&pad=0,0&trim=0'],
    ['/attachments/1/a.png?pad=5', '/attachments/1/a.png?pad=5%2C5,5,5'],
    ['/attachments/1/a.png?pad=1,2', '/attachments/1/a.png?pad=1,2,1,2'],
    ['/attachments/1/a.png?background=ab12ef', '/attachments/1/a.png?background=AB12EF'],
    ['/attachments/1/a.png?format=jpg', '/attachments/1/a.png?format=jpeg&background=FFFFFF'],
    ['/attachments/1/a.png?format=png', '/attachments/1/a.png?format=png&maxbytes=5000'],
    ['/avatars/1/abc.gif?flip=h', '/avatars/1/abc.gif?flip=h&maxbytes=5000'],
  ])('of %s is %s', (first, second) => {
    expect(key(first)).toBe(key(second))
  })

  it.each([
    ['/avatars/1/abc.webp', '/avatars/1/abc.png?format=webp'],
    ['/avatars/1/abc.webp?size=64', '/avatars/1/abc.webp?size=80'],
    ['/attachments/1/a.png?width=100', '/attachments/1/a.png?height=100'],
    ['/attachments/1/a.png?width=100', '/attachments/1/a.png?width=100&download=true'],
    ['/attachments/1/a.png', '/attachments/1/A.png'],
    ['/attachments/1/a.png', '/attachments/1/a.png?crop=0,0,1,1'],
    ['/attachments/1/a.png?rotate=90', '/attachments/1/a.png?rotate=270'],
    ['/attachments/1/a.png?pad=1,2,3', '/attachments/1/a.png?pad=1,2,1'],
    ['/attachments/1/a.png?format=webp&background=ffffff', '/attachments/1/a.png?format=webp'],
    ['/avatars/1/abc.webp?trim=true', '/avatars/1/abc.webp'],
  ])('of %s is not that of %s', (first, second) => {
    expect(key(first)).not.toBe(key(second))
  })

  it('resolves the format, so that `auto` shares the entry of the resolved format', () => {
    const auto = '/avatars/1/abc.webp?format=auto&size=128'
    expect(key(auto, 'image/avif')).toBe(key('/avatars/1/abc.webp?format=avif'))
    expect(key(auto)).toBe(key('/avatars/1/abc.webp'))
  })

  it('contains neither the signature nor the spelling of an external target', () => {
    expect(key('/external/one/https/example.com/a.png?width=5')).toBe(
      key('/external/two/v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8?width=5&ex=99'),
    )
  })

  it('does not exist for a rejected request', () => {
    expect(parseRequest(new URL('http://proxy.test/avatars/1/a.webp?size=x'), NOTHING)).toMatchObject({
      code: 'bad-request',
    })
  })
})
