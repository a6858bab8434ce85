import { describe, expect, it } from 'vitest'
import type { ExternalRequest } from '../request/media-request.ts'
import { parseRequest } from '../request/parse.ts'
import { isFailure } from '../response/failure.ts'
import { parametersToSign, signExternalPath, signExternalTarget, verifyExternal } from './external-url.ts'
import { createKeyRing } from './hmac.ts'

const TARGET = 'v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8'
const SIGNATURE = 'jkGeYYCiqJ67eS5T6lWJ4eQ77pwIaf6yoXXF5LncsHY'
const HEX = '8e419e6180a2a89ebb792e53ea5589e1e43bee9c0869feb2a175c5e4b9dcb076'

const request = (signature: string, more: Partial<ExternalRequest> = {}): ExternalRequest => ({
  kind: 'external',
  signature,
  rawTarget: TARGET,
  download: false,
  negotiable: false,
  ...more,
})

describe('an external signature', () => {
  it('matches the contract', async () => {
    expect(await signExternalTarget(await createKeyRing(['secret']), TARGET)).toBe(SIGNATURE)
  })

  it.each([SIGNATURE, HEX])('is valid as %s', async (signature) => {
    const verified = await verifyExternal(request(signature), await createKeyRing(['secret']), 0)
    expect(verified).toMatchObject({ kind: 'verified-external', url: 'https://example.com/' })
  })

  it('is verified with every key, and created with the first', async () => {
    const rotated = await createKeyRing(['new', 'secret'])
    expect(await verifyExternal(request(SIGNATURE), rotated, 0)).toMatchObject({ kind: 'verified-external' })
    expect(await signExternalTarget(rotated, TARGET)).not.toBe(SIGNATURE)
  })

  it.each([
    ['a flipped bit', SIGNATURE.replace('j', 'k')],
    ['a spare bit', SIGNATURE.replace(/Y$/, 'Z')],
    ['padding', `${SIGNATURE}=`],
    ['upper-case hex', HEX.toUpperCase()],
    ['half of it', SIGNATURE.slice(0, 21)],
    ['one character', 'j'],
    ['far too much of it', 'a'.repeat(5000)],
    ['another alphabet', SIGNATURE.replace('j', '+')],
  ])('is wrong with %s', async (_, signature) => {
    const verdict = await verifyExternal(request(signature), await createKeyRing(['secret']), 0)
    expect(verdict).toMatchObject({ code: 'bad-signature' })
  })

  it('covers the expiry, which is exact to the second', async () => {
    const ring = await createKeyRing(['secret'])
    const signature = await signExternalTarget(ring, TARGET, 1000)
    const signed = request(signature, { expiresAt: 1000 })
    expect(await verifyExternal(signed, ring, 999)).toMatchObject({ kind: 'verified-external' })
    expect(await verifyExternal(signed, ring, 1000)).toMatchObject({ code: 'expired' })
    const moved = request(signature, { expiresAt: 2000 })
    expect(await verifyExternal(moved, ring, 999)).toMatchObject({ code: 'bad-signature' })
    expect(await verifyExternal(request(signature), ring, 999)).toMatchObject({ code: 'bad-signature' })
  })

  it('is verified before the target is decoded', async () => {
    const ring = await createKeyRing(['secret'])
    expect(await verifyExternal(request('x', { rawTarget: 'v2/!' }), ring, 0)).toMatchObject({
      code: 'bad-signature',
    })
    const signature = await signExternalTarget(ring, 'v2/!')
    expect(await verifyExternal(request(signature, { rawTarget: 'v2/!' }), ring, 0)).toMatchObject({
      code: 'bad-request',
    })
  })
})

describe('a signature that covers the parameters', () => {
  const BASE = 'https://media.example.com'
  const V3 = 'v3/aHR0cHM6Ly9leGFtcGxlLmNvbS8'

  async function verdict(pathAndQuery: string, nowSeconds = 0) {
    const parsed = parseRequest(new URL(pathAndQuery, BASE), { accept: 'image/avif', assets: false })
    if (isFailure(parsed) || parsed.kind !== 'external') throw new Error(pathAndQuery)
    const verified = await verifyExternal(parsed, await createKeyRing(['secret']), nowSeconds)
    return isFailure(verified) ? verified.code : verified.url
  }
  const sign = async (query: string) =>
    signExternalPath(await createKeyRing(['secret']), 'https://example.com/', new URLSearchParams(query))

  it.each([
    ['', 'vNU1qBOw3bJKq5iIjC-bTcsO4dFxdWSwsujKeMNqlZY'],
    ['width=200&format=webp', 'YTgT785ECsnpEgOgw1JR5ufgZdaFL5ZGObYTUgu5jng'],
  ])('matches the contract for "%s"', async (query, signature) => {
    expect(await sign(query)).toBe(`/external/${signature}/${V3}`)
  })

  it('covers the sorted parameters', () => {
    const query = 'width=5&unknown=1&format=webp&width=6&ex=9&time=50%25&size=64&download=1'
    expect(parametersToSign(new URLSearchParams(query))).toBe('download=1&ex=9&format=webp&time=50%&width=5')
  })

  it.each([
    'width=200&format=webp',
    'format=webp&width=200',
    'format=webp&width=200&utm_source=x&size=64',
    'format=%77ebp&width=200&width=300',
  ])('is valid for %s', async (query) => {
    expect(await verdict(`${await sign('width=200&format=webp')}?${query}`)).toBe('https://example.com/')
  })

  it.each([
    '',
    'width=200',
    'width=201&format=webp',
    'width=200&format=webp&blur=1',
    'width=200&format=webp&download=false',
    'width=200&format=webp&ex=4102444800',
    'width=300&width=200&format=webp',
    'width=200&format=webp&dpr=1',
  ])('is not valid for "%s"', async (query) => {
    expect(await verdict(`${await sign('width=200&format=webp')}?${query}`)).toBe('bad-signature')
  })

  it('covers the expiry too', async () => {
    const path = `${await sign('ex=1000&width=5')}?width=5&ex=1000`
    expect([await verdict(path, 999), await verdict(path, 1000)]).toEqual(['https://example.com/', 'expired'])
  })

  it('is not valid as one that does not cover them, and vice versa', async () => {
    const [, , v3, ...target] = (await sign('')).split('/')
    expect(await verdict(`/external/${v3}/${target.join('/').replace('v3', 'v2')}`)).toBe('bad-signature')
    expect(await verdict(`/external/${SIGNATURE}/${V3}`)).toBe('bad-signature')
  })
})
