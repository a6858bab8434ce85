import { describe, expect, it } from 'vitest'
import { encodeBase64Url } from '../encoding/base64url.ts'
import { createBase64KeyRing, sign } from './hmac.ts'
import { signUploadToken, type UploadGrant, verifyUploadToken } from './upload-token.ts'

const NOW = 1_800_000_000
const ring = await createBase64KeyRing(['AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='])
const grant: UploadGrant = {
  bucket: 'uploads',
  key: 'a/b',
  method: 'put',
  contentType: 'image/png',
  maxBytes: 10,
  expiresAt: NOW + 60,
}

async function tokenOf(text: string): Promise<string> {
  const encoded = encodeBase64Url(new TextEncoder().encode(text))
  return `${encoded}.${encodeBase64Url(await sign(ring, encoded))}`
}

describe('an upload token', () => {
  it('contains the claims that it was signed with', async () => {
    for (const granted of [grant, { ...grant, uploadId: 'u', partNumber: 3 }])
      expect(await verifyUploadToken(ring, await signUploadToken(ring, granted), NOW)).toEqual(granted)
  })

  it('accepts the claims that an API server builds from the contract', async () => {
    const claims = { b: 'uploads', k: 'k', m: 'put', u: null, p: null, ct: null, mb: 5, e: NOW + 1, x: 1 }
    expect(await verifyUploadToken(ring, await tokenOf(JSON.stringify(claims)), NOW)).toEqual({
      bucket: 'uploads',
      key: 'k',
      method: 'put',
      maxBytes: 5,
      expiresAt: NOW + 1,
    })
  })

  it('expires', async () => {
    const token = await signUploadToken(ring, grant)
    expect(await verifyUploadToken(ring, token, NOW + 59.9)).toMatchObject({ key: 'a/b' })
    expect(await verifyUploadToken(ring, token, NOW + 60)).toMatchObject({ code: 'expired' })
  })

  it('is rejected when any part of it is changed', async () => {
    const token = await signUploadToken(ring, grant)
    const [text = '', mac = ''] = token.split('.')
    const foreign = await signUploadToken(await createBase64KeyRing(['AAAA']), grant)
    for (const bad of [
      undefined,
      '',
      '.',
      text,
      `${text}.`,
      `.${mac}`,
      `${token}.`,
      `${token}=`,
      `${text}.${mac}=`,
      `${text}A.${mac}`,
      `${text}.${mac.slice(1)}`,
      ` ${token}`,
      foreign,
      'x'.repeat(100_000),
    ])
      expect(await verifyUploadToken(ring, bad, NOW)).toMatchObject({ code: 'bad-signature' })
  })

  it.each([
    ['no JSON', 'nothing'],
    ['no object', '5'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no bucket', '{"k":"k","m":"put","mb":1,"e":9999999999}'],
    ['no expiry', '{"b":"b","k":"k","m":"put","mb":1}'],
    ['a text as expiry', '{"b":"b","k":"k","m":"put","mb":1,"e":"9999999999"}'],
    ['no bytes', '{"b":"b","k":"k","m":"put","e":9999999999}'],
    ['negative bytes', '{"b":"b","k":"k","m":"put","mb":-1,"e":9999999999}'],
    ['half a byte', '{"b":"b","k":"k","m":"put","mb":1.5,"e":9999999999}'],
    ['a number as type', '{"b":"b","k":"k","m":"put","ct":5,"mb":1,"e":9999999999}'],
    ['a text as part', '{"b":"b","k":"k","m":"put","u":"u","p":"1","mb":1,"e":9999999999}'],
  ])('is rejected with %s in it', async (_, text) => {
    expect(await verifyUploadToken(ring, await tokenOf(text), NOW)).toMatchObject({ code: 'bad-signature' })
  })
})
