/**
 * How error responses of a store are handled: missing or denied
 * objects, another region, throttling, other credentials.
 */

import { afterEach, describe, expect, it } from 'vitest'
import { pathOf, SETTINGS, token } from '../e2e/relay-tokens.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openOriginBefore, openS3Server, type Service } from '../services.ts'
import { type Answer, type AnsweringServer, answering, awsBucket, reject } from './aws-server.ts'
import { HAS_MOTO, MOTO_SKIPPED, openMoto } from './moto.ts'
import type { S3Server } from './s3-server.ts'
import { openS3rver } from './s3rver.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY' }

async function originOn(
  answer: Answer,
  settings: Readonly<Record<string, string>> = {},
): Promise<Service & { readonly aws: AnsweringServer }> {
  const aws = await answering(answer)
  const server = { ...aws, region: 'auto', credentials: CREDENTIALS } as unknown as S3Server
  const service = await openOriginBefore(server, settings)
  closers.push(service.close)
  return { ...service, aws }
}

/** Expects that no credentials and no signatures are logged. */
function expectNoSecrets({ log }: Service): void {
  expect(JSON.stringify(log)).not.toMatch(/AWS4-HMAC|Signature=|wJalrXUtn|SESSIONTOKEN/i)
}

describe('a 403 for an object', () => {
  it.each([['plain'], ['enhanced']] as const)(
    'means that it is missing when the key may not list the bucket (%s)',
    async (wording) => {
      const image = await halvesPng(40, 30)
      const objects = { '/cdn/avatars/1/a.webp': image, '/cdn/attachments/1/b.bin': Buffer.from('b') }
      const service = await originOn(awsBucket({ objects, mayList: false, wording }))
      for (const conditions of [{}, { 'if-none-match': '"x"' }]) {
        const missing = await send(service.url, '/attachments/1/none.bin', { headers: conditions })
        expect([missing.status, missing.body.toString()]).toEqual([404, 'Not Found'])
      }
      expect((await send(service.url, '/attachments/1/none.bin', { method: 'HEAD' })).status).toBe(404)
      expect((await send(service.url, '/avatars/1/a.webp?size=32')).status).toBe(200)
      expect((await send(service.url, '/avatars/1/none.webp')).status).toBe(404)
      expect((await send(service.url, '/attachments/1/b.bin')).body.toString()).toBe('b')
      expect((await send(service.url, '/_ready')).body.toString()).toBe('OK')
    },
  )

  it.each([
    ['may list but not read', { mayList: true, mayRead: false }],
    ['gets an explicit denial', { mayList: false, mayRead: false, wording: 'enhanced' }],
  ] as const)('is a fault when the key %s', async (_, policy) => {
    const service = await originOn(awsBucket({ objects: {}, ...policy }))
    expect((await send(service.url, '/attachments/1/a.bin')).status).toBe(502)
    expect((await send(service.url, '/avatars/1/a.webp')).status).toBe(502)
    expect((await send(service.url, '/_ready')).body.toString()).toBe('Not ready: store')
    expectNoSecrets(service)
  })
})

describe('a store that names its region', () => {
  const inRegion =
    (region: string, rejection: Parameters<typeof reject>[2]): Answer =>
    (request, response) => {
      if (!request.headers.authorization?.includes(`/${region}/s3/`))
        return reject(request, response, rejection)
      return awsBucket({ objects: { '/cdn/attachments/1/a.bin': Buffer.from('a') }, mayList: true })(
        request,
        response,
      )
    }

  it.each([
    ['in a body', { status: 400, code: 'AuthorizationHeaderMalformed', more: '<Region>eu-west-1</Region>' }],
    ['in a header', { status: 400, code: '', headers: { 'x-amz-bucket-region': 'eu-west-1' } }],
    [
      'by a redirect',
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
    ],
    ['by a 307 redirect', { status: 307, code: 'TemporaryRedirect', more: '<Region>eu-west-1</Region>' }],
  ])('%s gets requests signed for that region, after one rejection', async (_, rejection) => {
    const service = await originOn(inRegion('eu-west-1', rejection))
    for (const method of ['GET', 'HEAD', 'GET']) {
      expect((await send(service.url, '/attachments/1/a.bin', { method })).status).toBe(200)
    }
    expect(service.aws.signatures.filter((signature) => !signature.includes('/eu-west-1/'))).toHaveLength(1)
  })

  it('gets the right region from all of several first requests at the same time', async () => {
    const rejection = {
      status: 400,
      code: 'AuthorizationHeaderMalformed',
      more: '<Region>eu-west-1</Region>',
    }
    const answer = inRegion('eu-west-1', rejection)
    const waiting: (() => void)[] = []
    const service = await originOn((request, response) => {
      if (request.headers.authorization?.includes('/eu-west-1/s3/')) return answer(request, response)
      waiting.push(() => answer(request, response))
      // All are signed for no region, because none is answered before the last one arrives.
      if (waiting.length === 4) for (const next of waiting) next()
      return undefined
    })
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        send(service.url, '/attachments/1/a.bin', { headers: { range: 'bytes=0-' } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })

  it.each([
    [
      'another region',
      { status: 400, code: 'AuthorizationHeaderMalformed', more: '<Region>eu-west-1</Region>' },
    ],
    ['a redirect to it', { status: 307, code: 'TemporaryRedirect', more: '<Region>eu-west-1</Region>' }],
  ])('accepts uploads signed for that region, also the first one, when it answers %s', async (_, error) => {
    const service = await originOn(
      (request, response) =>
        request.resume().on('end', () => {
          const signed = request.headers.authorization?.includes('/eu-west-1/s3/')
          if (!signed) reject(request, response, error)
          else if (request.method === 'PUT') response.writeHead(200, { etag: '"u"' }).end()
          else reject(request, response, { status: 404, code: 'NoSuchKey' })
        }),
      SETTINGS,
    )
    for (let tries = 0; tries < 2; tries += 1) {
      const { status } = await send(service.url, pathOf(await token()), { method: 'PUT', body: 'a' })
      expect(status).toBe(200)
    }
    // Two reads, of which the first learns the region, before two uploads.
    expect(service.aws.asked.map((line) => line.split(' ')[0])).toEqual(['GET', 'GET', 'PUT', 'PUT'])
  })

  it('for which another endpoint is needed is reported to the operator', async () => {
    const service = await originOn((request, response) =>
      reject(request, response, {
        status: 301,
        code: 'PermanentRedirect',
        headers: { 'x-amz-bucket-region': 'eu-west-1' },
      }),
    )
    expect((await send(service.url, '/attachments/1/a.bin')).status).toBe(502)
    expect(lastRejection(service)?.detail).toMatch(/MEDIA_PROXY_S3_ENDPOINT.*s3\.eu-west-1\.amazonaws\.com/)
  })
})

describe('a store that rejects HEAD but not GET', () => {
  it.each([[400], [403], [405], [501]])('is read with GET (%i)', async (status) => {
    const objects: Readonly<Record<string, string>> = {
      '/cdn/attachments/1/a.bin': 'abc',
      '/cdn/attachments/1/empty.bin': '',
    }
    const service = await originOn((request, response) => {
      const text = objects[request.url ?? '']
      if (request.method === 'HEAD') return response.writeHead(status).end()
      if (text === undefined) return reject(request, response, { status: 404, code: 'NoSuchKey' })
      if (request.headers.range === undefined)
        return response.writeHead(200, { etag: '"e"', 'content-length': text.length }).end(text)
      if (text === '') return reject(request, response, { status: 416, code: 'InvalidRange' })
      return response
        .writeHead(206, { etag: '"e"', 'content-range': `bytes 0-0/${text.length}` })
        .end(text.slice(0, 1))
    })
    for (const [name, wanted] of [
      ['a.bin', [200, '3', '"e"']],
      ['empty.bin', [200, '0', '"e"']],
      ['none.bin', [404, '9', undefined]],
    ] as const) {
      const { status: ours, headers } = await send(service.url, `/attachments/1/${name}`, { method: 'HEAD' })
      expect([ours, headers['content-length'], headers.etag]).toEqual(wanted)
    }
  })
})

describe('a store that rejects long keys', () => {
  it('has no object with such a key', async () => {
    const service = await originOn((request, response) =>
      reject(request, response, { status: 400, code: 'KeyTooLongError' }),
    )
    for (const method of ['GET', 'HEAD'])
      expect((await send(service.url, `/attachments/1/${'x'.repeat(300)}`, { method })).status).toBe(404)
  })
})

describe('a store that rejects suffix ranges longer than the object', () => {
  it.each([
    ['with the size', { 'content-range': 'bytes */3' }],
    ['without the size', {}],
  ])('is asked for the same bytes by their start (%s)', async (_, headers) => {
    const service = await originOn((request, response) => {
      const { range } = request.headers
      if (range?.startsWith('bytes=-') === true)
        return reject(request, response, { status: 416, code: 'InvalidRange', headers })
      if (range === undefined) response.writeHead(200, { etag: '"e"', 'content-length': 3 })
      else response.writeHead(206, { etag: '"e"', 'content-length': 3, 'content-range': 'bytes 0-2/3' })
      return response.end(request.method === 'HEAD' ? undefined : 'abc')
    })
    const long = await send(service.url, '/attachments/1/a.bin', { headers: { range: 'bytes=-9' } })
    expect([long.status, long.headers['content-range'], long.body.toString()]).toEqual([
      206,
      'bytes 0-2/3',
      'abc',
    ])
    const none = await send(service.url, '/attachments/1/a.bin', { headers: { range: 'bytes=-0' } })
    expect([none.status, none.headers['content-range']]).toEqual([416, 'bytes */3'])
  })
})

describe('a store that answers with an invalid HTTP status', () => {
  it.each([[101], [600], [999]])('counts as unreachable (%i), and the service continues', async (status) => {
    const service = await originOn((_, response) => response.writeHead(status).end())
    for (const path of ['/attachments/1/a.bin', '/avatars/1/a.webp?size=32'])
      expect((await send(service.url, path)).status).toBe(502)
    expect((await send(service.url, '/_health')).status).toBe(200)
  })
})

describe('a store that does not answer within the timeout of a request', () => {
  it.each([
    [{}, 'deadline'],
    // The validators of the object decide this request, and they have the timeout of the store alone.
    [{ 'if-none-match': '"x"' }, 'store-timeout'],
  ])('causes 504, and no defect (%j)', async (headers, failure) => {
    const bucket = awsBucket({ objects: { '/cdn/avatars/1/a': await halvesPng(40, 30) }, mayList: true })
    const service = await originOn(
      (request, response) => (request.method === 'HEAD' ? undefined : bucket(request, response)),
      {
        MEDIA_PROXY_S3_BUCKET_RENDITIONS: 'renditions',
        MEDIA_PROXY_S3_TIMEOUT_MS: '2000',
        MEDIA_PROXY_LIMITS_DEADLINE_MS: '1000',
      },
    )
    expect((await send(service.url, '/avatars/1/a.webp?size=32', { headers })).status).toBe(504)
    expect(lastRejection(service)?.failure).toBe(failure)
  })
})

describe('an overloaded store', () => {
  it.each([
    [503, 'SlowDown'],
    [503, 'ServiceUnavailable'],
    [429, 'TooManyRequests'],
    [400, 'SlowDown'],
  ])('that answers %i %s is retried after the delay that it requests', async (status, code) => {
    const times: number[] = []
    const service = await originOn((request, response) => {
      times.push(performance.now())
      if (times.length === 1)
        return reject(request, response, { status, code, headers: { 'retry-after': '1' } })
      return awsBucket({ objects: { '/cdn/attachments/1/a.bin': Buffer.from('a') }, mayList: true })(
        request,
        response,
      )
    })
    expect((await send(service.url, '/attachments/1/a.bin')).status).toBe(200)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(990)
  })

  it.each([
    ['0', '1'],
    ['7', '7'],
    ['86400', '60'],
    [new Date(Date.now() + 86_400_000).toUTCString(), '60'],
    ['soon', '1'],
  ])('that stays overloaded, with Retry-After %s, causes 503', async (asked, retryAfter) => {
    const service = await originOn((request, response) =>
      reject(request, response, { status: 503, code: 'SlowDown', headers: { 'retry-after': asked } }),
    )
    const { status, body, headers } = await send(service.url, '/attachments/1/a.bin')
    expect([status, body.toString(), headers['retry-after']]).toEqual([
      503,
      'Service Unavailable',
      retryAfter,
    ])
    expect(service.aws.asked).toHaveLength(3)
    expect(lastRejection(service)?.failure).toBe('store-busy')
  })
})

describe('rejected credentials', () => {
  it.each([
    ['InvalidAccessKeyId', /does not know the access key: .*MEDIA_PROXY_S3_ACCESS_KEY_ID/],
    ['SignatureDoesNotMatch', /MEDIA_PROXY_S3_SECRET_ACCESS_KEY/],
    ['RequestTimeTooSkewed', /clock/],
    ['ExpiredToken', /expired: .*MEDIA_PROXY_S3_SESSION_TOKEN/],
    ['InvalidToken', /not one of this key/],
    ['AccessDenied', /s3:GetObject/],
  ])('with %s are reported with a fix, and never with a signature', async (code, words) => {
    const service = await originOn(
      (request, response) =>
        request.url?.includes('list-type') === true
          ? response.end('<ListBucketResult/>')
          : reject(request, response, { status: code === 'ExpiredToken' ? 400 : 403, code }),
      { MEDIA_PROXY_S3_SESSION_TOKEN: 'SESSIONTOKENEXAMPLE' },
    )
    for (const [method, path] of [
      ['GET', '/attachments/1/a.bin'],
      ['HEAD', '/attachments/1/a.bin'],
      ['GET', '/avatars/1/a.webp'],
    ] as const) {
      expect((await send(service.url, path, { method })).status).toBe(502)
      expect(lastRejection(service)).toMatchObject({
        failure: 'store-denied',
        detail: expect.stringMatching(words),
      })
    }
    expect((await send(service.url, '/_ready')).status).toBe(503)
    expectNoSecrets(service)
  })

  it('for an upload are reported with the permission that the key needs', async () => {
    const service = await originOn(
      (request, response) => reject(request, response, { status: 403, code: 'AccessDenied' }),
      SETTINGS,
    )
    expect((await send(service.url, pathOf(await token()), { method: 'PUT', body: 'a' })).status).toBe(502)
    expect(lastRejection(service)).toMatchObject({
      failure: 'store-denied',
      detail: expect.stringMatching(/s3:PutObject/),
    })
  })

  it.each([['miniflare', openS3Server], ...(HAS_MOTO ? [['moto', () => openMoto()] as const] : [])] as const)(
    'at %s make the origin not ready',
    async (_, open) => {
      const server = await open()
      const { secretAccessKey } = server.credentials
      for (const wrong of [
        { MEDIA_PROXY_S3_SECRET_ACCESS_KEY: `${secretAccessKey}x` },
        { MEDIA_PROXY_S3_ACCESS_KEY_ID: 'AKIANOBODYKNOWSTHISONE0000000000' },
      ]) {
        const service = await openOriginBefore({ ...server, close: async () => undefined }, wrong)
        const ready = await send(service.url, '/_ready')
        expect([ready.status, ready.body.toString()]).toEqual([503, 'Not ready: store'])
        expect((await send(service.url, '/attachments/1/a.bin')).status).toBe(502)
        await service.close()
      }
      await server.close()
    },
  )

  if (!HAS_MOTO) it.skip(`by moto, ${MOTO_SKIPPED}`, () => undefined)
})

describe('/_ready', () => {
  it.each([
    ['MEDIA_PROXY_S3_BUCKET_UPLOADS', {}],
    ['MEDIA_PROXY_S3_BUCKET_CDN', {}],
    ['MEDIA_PROXY_S3_BUCKET_RENDITIONS', {}],
    ['MEDIA_PROXY_S3_BUCKET_STATIC', { MEDIA_PROXY_STATIC_MODE: 'true' }],
  ])('reads the bucket in %s', async (name, more) => {
    const service = await openOriginBefore(await openS3rver(), { ...more, [name]: 'nowhere' })
    closers.push(service.close)
    const { status, body } = await send(service.url, '/_ready')
    expect([status, body.toString()]).toEqual([503, 'Not ready: store'])
  })

  it('does not count towards a rate limit', async () => {
    const service = await openOriginBefore(await openS3rver(), {
      MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '1',
    })
    closers.push(service.close)
    for (let count = 0; count < 4; count += 1) {
      const { status, headers } = await send(service.url, '/_ready')
      expect([status, headers['ratelimit-remaining']]).toEqual([200, undefined])
    }
  })
})

function lastRejection({ log }: Service) {
  return log.findLast(({ failure }) => failure !== undefined)
}
