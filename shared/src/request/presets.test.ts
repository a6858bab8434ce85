import { describe, expect, it } from 'vitest'
import { loadConfig } from '../config/load.ts'
import { isFailure } from '../response/failure.ts'
import { canonicalUrl } from './canonical.ts'
import { parseRequest } from './parse.ts'
import { presetRules } from './preset-rules.ts'

const presets = { thumb: 'width=96&height=96&size=64&format=webp', soft: 'blur=20&trim=true' }
const parse = (path: string, presetsOnly = false) =>
  parseRequest(new URL(path, 'https://media.example.com'), {
    accept: null,
    assets: false,
    ...presetRules({ presets, presetsOnly }),
  })

function key(path: string, presetsOnly = false): string {
  const parsed = parse(path, presetsOnly)
  if (isFailure(parsed) || (parsed.kind !== 'asset' && parsed.kind !== 'attachment')) throw new Error(path)
  return canonicalUrl(parsed)
}

describe('a preset', () => {
  it.each([
    ['/attachments/1/a.png?preset=thumb', '/attachments/1/a.png?width=96&height=96&format=webp'],
    ['/avatars/1/abc.png?preset=thumb', '/avatars/1/abc.png?size=64&format=webp'],
    ['/attachments/1/a.png?preset=thumb&width=50', '/attachments/1/a.png?width=50&height=96&format=webp'],
    ['/attachments/1/a.png?width=50&preset=thumb', '/attachments/1/a.png?width=50&height=96&format=webp'],
    ['/attachments/1/a.png?preset=soft&preset=thumb', '/attachments/1/a.png?blur=20&trim=1'],
  ])('%s is equivalent to %s', (named, spelled) => {
    expect(key(named)).toBe(key(spelled))
  })

  it.each(['other', '', 'toString', '__proto__'])('that does not exist is rejected: %s', (name) => {
    expect(parse(`/attachments/1/a.png?preset=${name}`)).toMatchObject({ code: 'bad-request' })
  })

  it('is required for every other rendition when presetsOnly is set', () => {
    for (const query of [
      'width=96',
      'preset=thumb&width=96',
      'quality=high',
      'format=auto',
      'dpr=2',
      'crop=1',
    ])
      expect(parse(`/attachments/1/a.png?${query}`, true), query).toMatchObject({ code: 'bad-request' })
    expect(key('/attachments/1/a.png?preset=thumb&utm=1', true)).toBe(
      key('/attachments/1/a.png?preset=thumb'),
    )
    expect(key('/attachments/1/a.png?preset=thumb&download=1', true)).toContain('download=true')
    expect(key('/avatars/1/abc.webp', true)).toBe(key('/avatars/1/abc.webp'))
  })
})

describe('the configuration of presets', () => {
  const load = (environment: Record<string, string>, json?: unknown, service: 'edge' | 'origin' = 'origin') =>
    loadConfig(service, { environment, ...(json === undefined ? {} : { json }) })

  it('is an object, or pairs in a variable', () => {
    for (const loaded of [
      load({}, { presets: { thumb: 'width=96', wide: 'crop=0,0.2,1,0.5&format=webp' } }),
      load({ MEDIA_PROXY_PRESETS: 'thumb:width=96; wide : crop=0,0.2,1,0.5&format=webp;' }),
    ])
      expect(loaded).toMatchObject({
        ok: true,
        config: { presets: { thumb: 'width=96', wide: 'crop=0,0.2,1,0.5&format=webp' } },
      })
  })

  it.each([
    ['thumb:width=0', 'thumb: bad value of the parameter width'],
    ['thumb:size=large', 'thumb: bad value of the parameter size'],
    ['thumb:colour=red', 'thumb: colour is no parameter'],
    ['thumb:preset=thumb', 'thumb: preset is no parameter'],
    ['thumb:&', 'thumb: no parameters'],
    ['thumb', 'accepted: name:parameters'],
    ['a thumb:width=2', 'accepted: name:parameters'],
  ])('reports %s as a fault', (text, fault) => {
    const loaded = load({ MEDIA_PROXY_PRESETS: text })
    expect(loaded).toMatchObject({ ok: false, faults: [expect.stringContaining(fault)] })
  })

  it('reports the fault of every preset', () => {
    const loaded = load({ MEDIA_PROXY_PRESETS: 'a:width=0;b:width=5;c:blur=0' })
    expect(loaded).toMatchObject({
      ok: false,
      faults: [expect.stringContaining('a:'), expect.stringContaining('c:')],
    })
  })

  it('requires a signed edge with presetsOnly', () => {
    const environment = { MEDIA_PROXY_PRESETS_ONLY: 'true', MEDIA_PROXY_ORIGIN_URL: 'http://origin.example' }
    expect(load(environment)).toMatchObject({ ok: true })
    expect(load(environment, undefined, 'edge')).toMatchObject({
      ok: false,
      faults: [expect.stringContaining('MEDIA_PROXY_EDGE_SECRET_KEY')],
    })
  })
})
