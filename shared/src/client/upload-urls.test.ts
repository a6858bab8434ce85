import { expect, it } from 'vitest'
import { createBase64KeyRing } from '../signing/hmac.ts'
import { verifyUploadToken } from '../signing/upload-token.ts'
import { createUploadUrls, type UploadOptions } from './index.ts'

const SECRET = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
const NOW = 1_800_000_000
const uploads = createUploadUrls({
  baseUrl: 'https://media.example.com/',
  secret: SECRET,
  now: () => NOW * 1000,
})

it('an upload URL contains a token for the object in its path', async () => {
  const part = { uploadId: 'a/b+c', partNumber: 3 }
  const url = new URL(
    await uploads.sign('a/b c', { maxBytes: 10, expiresInSeconds: 60, contentType: 'image/png', part }),
  )
  expect(url.pathname).toBe('/v1/relay/a%2Fb%20c')
  expect(url.searchParams.get('uploadId')).toBe('a/b+c')
  expect(url.searchParams.get('partNumber')).toBe('3')
  const ring = await createBase64KeyRing([SECRET])
  expect(await verifyUploadToken(ring, url.searchParams.get('t') ?? '', NOW)).toEqual({
    bucket: 'uploads',
    key: 'a/b c',
    method: 'put',
    ...part,
    contentType: 'image/png',
    maxBytes: 10,
    expiresAt: NOW + 60,
  })
})

it.each<[string, string, Partial<UploadOptions>]>([
  ['a key that climbs', 'a/../b', {}],
  ['no key', '', {}],
  ['half a byte', 'a', { maxBytes: 0.5 }],
  ['no time', 'a', { expiresInSeconds: Number.NaN }],
  ['a part of no upload', 'a', { part: { uploadId: '', partNumber: 1 } }],
  ['a part before the first', 'a', { part: { uploadId: 'u', partNumber: 0 } }],
  ['a part after the last', 'a', { part: { uploadId: 'u', partNumber: 10_001 } }],
])('an upload URL for %s is rejected', async (_, key, change) => {
  await expect(uploads.sign(key, { maxBytes: 1, expiresInSeconds: 60, ...change })).rejects.toThrow(
    RangeError,
  )
})
