import { describe, expect, it } from 'vitest'
import { listSettings, loadConfig } from './load.ts'

const load = (environment: Record<string, string>, json?: unknown) =>
  loadConfig('origin', { environment, ...(json === undefined ? {} : { json }) })

describe('the configuration', () => {
  it('has a default for every optional setting', () => {
    const loaded = load({})
    expect(loaded).toMatchObject({ ok: true, warnings: [] })
    if (!loaded.ok) return
    expect(loaded.config).toMatchObject({
      negotiateFormat: 'edge',
      rateLimitConfig: { enabled: false, maxAttempts: 100, windowMs: 60_000, skipPaths: ['/_health'] },
      cache: { memoryBytes: 33_554_432, memorySeconds: 120, edgeSeconds: 86_400 },
      limits: { sourceBytes: 524_288_000, sidePixels: 16_384 },
    })
  })

  it('prefers the environment over the file', () => {
    const loaded = load(
      { MEDIA_PROXY_PORT: '9000', MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '7' },
      { port: 1, host: '::1', rateLimitConfig: { maxAttempts: 3, windowMs: 500 } },
    )
    expect(loaded).toMatchObject({
      ok: true,
      config: { port: 9000, host: '::1', rateLimitConfig: { maxAttempts: 7, windowMs: 500 } },
    })
  })

  it('splits lists at commas', () => {
    const loaded = load({ MEDIA_PROXY_SECRET_KEY: 'new,old', MEDIA_PROXY_TRUSTED_PROXIES: '10.0.0.0/8, ::1' })
    expect(loaded).toMatchObject({
      ok: true,
      config: { secretKey: ['new', 'old'], trustedProxies: ['10.0.0.0/8', '::1'] },
    })
  })

  it('rejects moderation when scans are disabled', () => {
    const unscanned = { MEDIA_PROXY_NSFW_ENABLED: 'false' }
    expect(load({ ...unscanned, MEDIA_PROXY_NSFW_ON_SERVE: 'block' })).toMatchObject({
      ok: false,
      faults: ['MEDIA_PROXY_NSFW_ON_SERVE: found block; nothing is flagged where nsfw.enabled is false'],
    })
    expect(load(unscanned)).toMatchObject({ ok: true })
  })

  it('reports all faults at once, with the found value and the accepted values', () => {
    const loaded = load(
      {
        MEDIA_PROXY_NODE_ENV: 'production',
        MEDIA_PROXY_PORT: '70000',
        MEDIA_PROXY_NEGOTIATE_FORMAT: 'sometimes',
        MEDIA_PROXY_STATIC_MODE: 'yes',
        MEDIA_PROXY_STORAGE: 's3',
        MEDIA_PROXY_REQUIRE_CLOUDFLARE_EDGE: 'true',
      },
      { cache: { memoryBytes: -1 }, colour: 'blue' },
    )
    if (loaded.ok) throw new Error('accepted')
    const text = loaded.faults.join('\n')
    for (const part of [
      /MEDIA_PROXY_PORT: found "70000"; accepted: a whole number from 0 to 65535/,
      /MEDIA_PROXY_NEGOTIATE_FORMAT: found "sometimes"; accepted: edge, always, off/,
      /MEDIA_PROXY_STATIC_MODE: found "yes"; accepted: true or false/,
      /MEDIA_PROXY_CACHE_MEMORY_BYTES: found -1/,
      /colour: no such setting/,
      /MEDIA_PROXY_SECRET_KEY: found nothing; required in production/,
      /MEDIA_PROXY_EDGE_SECRET_KEY: found nothing/,
      /MEDIA_PROXY_S3_ENDPOINT: found nothing; required for the s3 store/,
    ]) {
      expect(text).toMatch(part)
    }
  })

  it('reports invalid addresses, servers and hosts', () => {
    const faultsOf = (name: string, value: string) => {
      const loaded = load({ [`MEDIA_PROXY_${name}`]: value })
      return loaded.ok ? [] : loaded.faults.map((fault) => fault.split(':')[0])
    }
    for (const [name, good, bad] of [
      [
        'TRUSTED_PROXIES',
        ['10.0.0.1', '10.0.0.0/8', '::1', 'fc00::/7'],
        ['localhost', 'caddy', '10.0.0.0/33', '10.0.0.1:80', 'http://10.0.0.1'],
      ],
      [
        'EXTERNAL_NAME_SERVERS',
        ['1.1.1.1', '1.1.1.1:5353', '::1', '[::1]', '[::1]:53'],
        ['dns.example', '1.1.1', '1.1.1.1:', 'udp://1.1.1.1', '[1.1.1.1]'],
      ],
      [
        'EXTERNAL_ALLOWED_HOSTS',
        ['cdn.example', 'localhost:9000', '127.0.0.1', '[::1]:9000', 'münchen.example'],
        ['http://cdn.example', 'cdn.example/', 'cdn.example:', 'user@cdn.example', '::1'],
      ],
    ] as const) {
      expect(faultsOf(name, good.join()), name).toEqual([])
      for (const value of bad) expect(faultsOf(name, value), value).toEqual([`MEDIA_PROXY_${name}`])
    }
  })

  it('warns of quotes and comments that remain from an environment file, without showing the value', () => {
    const loaded = load({
      MEDIA_PROXY_SECRET_KEY: 'one   # of the API server',
      MEDIA_PROXY_EDGE_SECRET_KEY: '"two"',
      MEDIA_PROXY_HOST: '::1',
    })
    expect(loaded).toMatchObject({
      ok: true,
      warnings: [
        'MEDIA_PROXY_SECRET_KEY: the # in its value does not begin a comment: it is part of the value',
        'MEDIA_PROXY_EDGE_SECRET_KEY: the quotes around its value belong to it',
      ],
    })
  })

  it('never prints a secret', () => {
    const loaded = load({}, { secretKey: ['a,b'], s3: { secretAccessKey: 17 } })
    expect(loaded).toMatchObject({ ok: false })
    expect(JSON.stringify(loaded)).not.toMatch(/a,b|17/)
  })

  it('warns of an unknown variable', () => {
    expect(load({ MEDIA_PROXY_SECRETKEY: 'x' })).toMatchObject({
      ok: true,
      warnings: ['MEDIA_PROXY_SECRETKEY: no such setting, ignored; did you mean MEDIA_PROXY_SECRET_KEY?'],
    })
    expect(load({ MEDIA_PROXY_S3_BUKET_CDN: 'x', MEDIA_PROXY_COFFEE_WITH_MILK: 'x' })).toMatchObject({
      warnings: [
        'MEDIA_PROXY_S3_BUKET_CDN: no such setting, ignored; did you mean MEDIA_PROXY_S3_BUCKET_CDN?',
        'MEDIA_PROXY_COFFEE_WITH_MILK: no such setting, ignored',
      ],
    })
  })

  it.each([
    ['null', null],
    ['a list', []],
    ['a text', 'x'],
  ])('rejects a file that contains %s', (_, json) => {
    expect(load({}, json)).toMatchObject({ ok: false })
  })

  it('has one variable for each setting', () => {
    const variables = listSettings().map((setting) => setting.variable)
    expect(new Set(variables).size).toBe(variables.length)
    expect(variables).toContain('MEDIA_PROXY_S3_BUCKET_CDN')
    expect(variables).toContain('MEDIA_PROXY_RATE_LIMIT_WINDOW_MS')
  })
})
