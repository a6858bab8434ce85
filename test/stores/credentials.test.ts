/** The credentials for a store. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { answering, awsBucket, reject } from './aws-server.ts'
import { KEYS, storeOf } from './open-store.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  for (const close of closers.splice(0).reverse()) await close()
})

async function bucketServer(answer = awsBucket({ objects: { '/cdn/a': Buffer.from('a') }, mayList: true })) {
  const server = await answering(answer)
  closers.push(server.close)
  return server
}

describe('the credentials', () => {
  it.each([
    [{ MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'secret\n' }, undefined],
    [{ MEDIA_PROXY_S3_ACCESS_KEY_ID: ' AKIDEXAMPLE\r\n', MEDIA_PROXY_S3_REGION: 'eu-west-1\n' }, undefined],
    [{ MEDIA_PROXY_S3_SESSION_TOKEN: 'token\n' }, undefined],
    [
      { MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'two\nlines' },
      /^MEDIA_PROXY_S3_SECRET_ACCESS_KEY: found a value that/,
    ],
    [{ MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'a b' }, /^MEDIA_PROXY_S3_SECRET_ACCESS_KEY/],
    [{ MEDIA_PROXY_S3_ACCESS_KEY_ID: 'schlüssel' }, /^MEDIA_PROXY_S3_ACCESS_KEY_ID/],
    [{ MEDIA_PROXY_S3_SESSION_TOKEN: 'a\u0000b' }, /^MEDIA_PROXY_S3_SESSION_TOKEN/],
    [{ MEDIA_PROXY_S3_ACCESS_KEY_ID: '' }, /^MEDIA_PROXY_S3_ACCESS_KEY_ID: found nothing/],
    [{ MEDIA_PROXY_S3_ENDPOINT: 'https://me:hunter2@s3.example.com' }, /^MEDIA_PROXY_S3_ENDPOINT/],
    [{ MEDIA_PROXY_S3_ENDPOINT: 'https://s3.example.com/?x=1' }, /^MEDIA_PROXY_S3_ENDPOINT/],
    [{ MEDIA_PROXY_S3_BUCKET_CDN: 'a/b' }, /^MEDIA_PROXY_S3_BUCKET_CDN/],
    [
      { MEDIA_PROXY_S3_BUCKET_UPLOADS: 'cdn', MEDIA_PROXY_S3_ENDPOINT_UPLOADS: 'http://elsewhere' },
      /^MEDIA_PROXY_S3_BUCKET_UPLOADS: the bucket cdn is also/,
    ],
  ])('%j are trimmed and validated at start', (changes, fault) => {
    const environment = { ...KEYS, MEDIA_PROXY_S3_ENDPOINT: 'https://s3.example.com', ...changes }
    const loaded = loadConfig('origin', { environment })
    const faults = loaded.ok ? [] : loaded.faults
    if (fault === undefined) expect(faults).toEqual([])
    else expect(faults).toEqual([expect.stringMatching(fault)])
    expect(faults.join()).not.toMatch(/hunter2|two|lines/)
    if (!loaded.ok) return
    const { accessKeyId, secretAccessKey, region, sessionToken = 'token' } = loaded.config.s3
    expect([accessKeyId, secretAccessKey, sessionToken]).toEqual(['AKIDEXAMPLE', 'secret', 'token'])
    expect(region).toMatch(/^(auto|eu-west-1)$/)
  })

  it('are sent with their session token', async () => {
    const tokens: unknown[] = []
    const server = await bucketServer((request, response) => {
      tokens.push(request.headers['x-amz-security-token'])
      response.end('a')
    })
    const store = storeOf({
      ...KEYS,
      MEDIA_PROXY_S3_ENDPOINT: server.endpoint,
      MEDIA_PROXY_S3_SESSION_TOKEN: 'token',
    })
    await store.get('cdn', 'a')
    expect(tokens).toEqual(['token'])
    expect(server.signatures[0]).toMatch(/SignedHeaders=[^,]*x-amz-security-token/)
  })
})

describe('the default credential chain', () => {
  /**
   * Starts a server like those of ECS and EKS, which returns
   * credentials that are valid for this number of seconds.
   */
  async function openRoles(seconds: number) {
    let asked = 0
    const server = createServer((_, response) => {
      asked += 1
      response.setHeader('content-type', 'application/json')
      const Expiration = new Date(Date.now() + seconds * 1000).toISOString()
      const keys = {
        AccessKeyId: `ASIAROLE${asked}`,
        SecretAccessKey: 'role',
        Token: `token-${asked}`,
        Expiration,
      }
      response.end(JSON.stringify(keys))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => new Promise((resolve) => server.close(resolve)))
    server.unref()
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/role`
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere')
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere')
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', uri)
    return { count: () => asked }
  }

  it('is asked only when configured, once while the credentials are valid', async () => {
    const roles = await openRoles(3600)
    const server = await bucketServer()
    const store = storeOf({ MEDIA_PROXY_S3_ENDPOINT: server.endpoint, MEDIA_PROXY_S3_CREDENTIALS: 'chain' })
    expect(roles.count()).toBe(0)
    for (let count = 0; count < 3; count += 1) expect(isFailure(await store.get('cdn', 'a'))).toBe(false)
    expect(roles.count()).toBe(1)
    expect(server.signatures.every((signature) => signature.includes('ASIAROLE1/'))).toBe(true)
  })

  it('is asked again before they expire, and when the store reports that they have expired', async () => {
    const roles = await openRoles(60)
    const server = await bucketServer()
    const store = storeOf({ MEDIA_PROXY_S3_ENDPOINT: server.endpoint, MEDIA_PROXY_S3_CREDENTIALS: 'chain' })
    await store.get('cdn', 'a')
    await store.get('cdn', 'a')
    expect(roles.count()).toBeGreaterThan(1)

    const lasting = await openRoles(3600)
    const strict = await bucketServer((request, response) => {
      if (request.headers.authorization?.includes('ASIAROLE1/') === true) {
        return reject(request, response, { status: 400, code: 'ExpiredToken' })
      }
      return response.end('a')
    })
    const other = storeOf({ MEDIA_PROXY_S3_ENDPOINT: strict.endpoint, MEDIA_PROXY_S3_CREDENTIALS: 'chain' })
    expect(isFailure(await other.get('cdn', 'a'))).toBe(false)
    expect(lasting.count()).toBe(2)
  })

  it('is not asked when keys are configured, and without either the service does not start', async () => {
    const roles = await openRoles(3600)
    const server = await bucketServer()
    for (const more of [{}, { MEDIA_PROXY_S3_CREDENTIALS: 'chain' }]) {
      const store = storeOf({ ...KEYS, ...more, MEDIA_PROXY_S3_ENDPOINT: server.endpoint })
      expect(isFailure(await store.get('cdn', 'a'))).toBe(false)
    }
    expect(roles.count()).toBe(0)
    const loaded = loadConfig('origin', { environment: { MEDIA_PROXY_S3_ENDPOINT: server.endpoint } })
    expect(loaded).toMatchObject({
      ok: false,
      faults: [expect.stringMatching(/CREDENTIALS is chain/), expect.stringMatching(/SECRET/)],
    })
  })

  it('without credentials causes a rejection, not a defect', async () => {
    await openRoles(3600)
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', 'http://127.0.0.1:9/role')
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    const server = await bucketServer()
    const store = storeOf({ MEDIA_PROXY_S3_ENDPOINT: server.endpoint, MEDIA_PROXY_S3_CREDENTIALS: 'chain' })
    expect(await store.get('cdn', 'a')).toMatchObject({
      code: 'store-denied',
      advice: { found: expect.any(String), fix: expect.any(String) },
    })
  })
})
