import { describe, expect, it } from 'vitest'
import { loadConfig } from './load.ts'

const load = (
  environment: Record<string, string>,
  sources: { json?: unknown; fluxerConfig?: unknown } = {},
) => {
  const loaded = loadConfig('origin', { environment, ...sources })
  if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
  return loaded
}

const FLUXER = {
  s3: {
    endpoint: 'http://127.0.0.1:9000',
    region: 'us-east-1',
    access_key_id: 'id',
    secret_access_key: 'key',
    buckets: { cdn: 'my-cdn', uploads: 'my-uploads', static: 'my-static', other: 'x' },
  },
  services: {
    media_proxy: {
      host: '0.0.0.0',
      port: 8088,
      secret_key: 'secret',
      require_cloudflare_edge: true,
      static_mode: false,
      rate_limit: { limit: 500, window_ms: 1000 },
    },
    api: { port: 1 },
  },
}

describe('the configuration of a Fluxer deployment', () => {
  it('is read from a file and from a string', () => {
    for (const loaded of [
      load({}, { fluxerConfig: FLUXER }),
      load({ FLUXER_CONFIG: ` ${JSON.stringify(FLUXER)}` }),
    ]) {
      expect(loaded.config).toMatchObject({
        host: '0.0.0.0',
        port: 8088,
        secretKey: ['secret'],
        requireCloudflareEdge: true,
        staticMode: false,
        s3: {
          endpoint: 'http://127.0.0.1:9000',
          region: 'us-east-1',
          accessKeyId: 'id',
          secretAccessKey: 'key',
          bucketCdn: 'my-cdn',
          bucketUploads: 'my-uploads',
          bucketStatic: 'my-static',
        },
        rateLimitConfig: { enabled: true, maxAttempts: 500, windowMs: 1000 },
      })
      expect(loaded.notices).toHaveLength(15)
      expect(loaded.notices).toContain(
        'MEDIA_PROXY_SECRET_KEY is not set; using FLUXER_CONFIG, services.media_proxy.secret_key',
      )
    }
  })

  it.each([
    ['FLUXER_MEDIA_PROXY_HOST', '::1', { host: '::1' }],
    ['FLUXER_MEDIA_PROXY_PORT', '9', { port: 9 }],
    ['FLUXER_MEDIA_PROXY_SECRET_KEY', 'a,b', { secretKey: ['a', 'b'] }],
    [
      'FLUXER_MEDIA_PROXY_PUBLIC_ENDPOINT',
      'https://m.example.com/',
      { publicUrl: ['https://m.example.com'] },
    ],
    [
      'FLUXER_MEDIA_PROXY_CORS_ALLOWED_ORIGINS',
      'https://a.example.com',
      { corsOrigins: ['https://a.example.com'] },
    ],
    [
      'FLUXER_MEDIA_PROXY_UPLOAD_RELAY_SECRET_BASE64',
      'A'.repeat(43),
      { uploadRelaySecret: ['A'.repeat(43)] },
    ],
    [
      'FLUXER_MEDIA_PROXY_ATTACHMENT_URL_SECRETS_BASE64',
      'AAAA,BBBB',
      { attachmentSecrets: ['AAAA', 'BBBB'] },
    ],
    ['FLUXER_MEDIA_PROXY_STORAGE_ROOT', '/srv/media', { storageDir: '/srv/media' }],
    ['FLUXER_MEDIA_PROXY_REQUIRE_CLOUDFLARE', '1', { requireCloudflareEdge: true }],
    ['FLUXER_MEDIA_PROXY_STATIC_MODE', 'TRUE', { staticMode: true }],
    ['FLUXER_S3_REGION', 'eu-1', { s3: { region: 'eu-1' } }],
    ['FLUXER_S3_BUCKET_CDN', 'c', { s3: { bucketCdn: 'c' } }],
    ['FLUXER_S3_BUCKET_UPLOADS', 'u', { s3: { bucketUploads: 'u' } }],
    ['FLUXER_S3_BUCKET_STATIC', 's', { s3: { bucketStatic: 's' } }],
    ['FLUXER_S3_ACCESS_KEY_ID', 'i', { s3: { accessKeyId: 'i' } }],
    ['FLUXER_S3_SECRET_ACCESS_KEY', 'k', { s3: { secretAccessKey: 'k' } }],
  ])('is read from %s alone', (variable, value, expected) => {
    const { config, notices } = load({ [variable]: value })
    expect(config).toMatchObject(expected)
    expect(notices).toEqual([expect.stringContaining(`using ${variable}`)])
    expect(notices.join()).not.toContain(value.repeat(1).length > 3 ? value : 'no value')
  })

  it.each([
    ['off', 'off'],
    ['disabled', 'off'],
    ['report_only', 'report'],
    ['report', 'report'],
    ['enforce', 'enforce'],
    ['REQUIRED', 'enforce'],
  ])('with the signature mode %s sets %s', (mode, expected) => {
    const { config } = load({
      FLUXER_MEDIA_PROXY_ATTACHMENT_SIGNATURE_MODE: mode,
      FLUXER_MEDIA_PROXY_ATTACHMENT_URL_SECRETS_BASE64: 'AAAA',
    })
    expect(config.attachmentSignatures).toBe(expected)
  })

  it.each([
    ['any', ['*']],
    ['*', ['*']],
    ['allowlist', ['https://a.example.com']],
    ['', ['https://a.example.com']],
  ])('with the CORS mode %j and a list sets the origins %j', (mode, origins) => {
    const { config } = load({
      FLUXER_MEDIA_PROXY_CORS_MODE: mode,
      FLUXER_MEDIA_PROXY_CORS_ALLOWED_ORIGINS: 'https://a.example.com',
    })
    expect(config.corsOrigins).toEqual(origins)
  })

  it('is overridden by our own settings, and its file by its variables', () => {
    const { config, notices } = load(
      { MEDIA_PROXY_PORT: '1', FLUXER_MEDIA_PROXY_PORT: '2', FLUXER_MEDIA_PROXY_HOST: '::1' },
      { json: { secretKey: 'ours' }, fluxerConfig: FLUXER },
    )
    expect(config).toMatchObject({ port: 1, host: '::1', secretKey: ['ours'] })
    expect(notices.join('\n')).not.toMatch(/PORT|SECRET_KEY is/)
  })

  it('requires no edge in production', () => {
    const environment = { MEDIA_PROXY_NODE_ENV: 'production' }
    expect(load(environment, { fluxerConfig: FLUXER }).config.edgeSecretKey).toEqual([])
  })

  it('is named in a fault', () => {
    const loaded = loadConfig('origin', { environment: { FLUXER_MEDIA_PROXY_PORT: 'x' } })
    expect(loaded).toMatchObject({
      ok: false,
      faults: [expect.stringMatching(/^MEDIA_PROXY_PORT: found "x" in FLUXER_MEDIA_PROXY_PORT; accepted/)],
    })
  })
})

describe('the AWS variables', () => {
  const aws = {
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'key',
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000',
  }

  it('are used when S3 is selected', () => {
    const { config } = load({ ...aws, MEDIA_PROXY_STORAGE: 's3' })
    expect(config.s3).toMatchObject({
      endpoint: 'http://127.0.0.1:9000',
      region: 'eu-central-1',
      accessKeyId: 'id',
      secretAccessKey: 'key',
    })
    const { config: named } = load({ ...aws, MEDIA_PROXY_S3_ENDPOINT: 'http://127.0.0.1:1' })
    expect(named.s3).toMatchObject({ endpoint: 'http://127.0.0.1:1', accessKeyId: 'id' })
  })

  it('select nothing by themselves', () => {
    const { config, notices } = load(aws)
    expect(config.s3.endpoint).toBeUndefined()
    expect(config.s3.accessKeyId).toBeUndefined()
    expect(notices).toEqual([])
  })

  it('are never combined with half of another key pair', () => {
    const { config } = load({
      ...aws,
      MEDIA_PROXY_S3_ENDPOINT: 'http://127.0.0.1:1',
      FLUXER_S3_ACCESS_KEY_ID: 'other',
      FLUXER_S3_SECRET_ACCESS_KEY: 'other-key',
    })
    expect(config.s3).toMatchObject({ accessKeyId: 'other', secretAccessKey: 'other-key' })
  })
})

describe('a configuration without an edge', () => {
  const documented = {
    nodeEnv: 'production',
    secretKey: 'secret',
    requireCloudflareEdge: false,
    staticMode: false,
    s3: {
      endpoint: 'http://127.0.0.1:9000',
      region: 'us-east-1',
      accessKeyId: 'id',
      secretAccessKey: 'key',
      bucketCdn: 'cdn',
      bucketUploads: 'uploads',
      bucketStatic: 'static',
    },
    rateLimitConfig: { enabled: true, maxAttempts: 100, windowMs: 60_000, skipPaths: ['/_health'] },
  }

  it('is complete in production', () => {
    expect(load({}, { json: documented }).config.edgeSecretKey).toEqual([])
  })

  it.each([
    ['origin', { requireCloudflareEdge: true }],
    ['edge', { originUrl: 'http://127.0.0.1:1' }],
  ] as const)('requires a secret at the %s with %j', (service, change) => {
    const loaded = loadConfig(service, { environment: {}, json: { ...documented, ...change } })
    expect(loaded).toMatchObject({
      ok: false,
      faults: [expect.stringMatching(/^MEDIA_PROXY_EDGE_SECRET_KEY: found nothing/)],
    })
  })
})
