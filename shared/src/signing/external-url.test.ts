import { describe, expect, it } from 'vitest'
import type { ExternalRequest } from '../request/media-request.ts'
import { signExternalTarget, verifyExternal } from './external-url.ts'
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
  it('is that of the contract', async () => {
    expect(await signExternalTarget(await createKeyRing(['secret']), TARGET)).toBe(SIGNATURE)
  })

  it.each([SIGNATURE, HEX])('verifies %s', async (signature) => {
    const verified = await verifyExternal(request(signature), await createKeyRing(['secret']), 0)
    expect(verified).toMatchObject({ kind: 'verified-external', url: 'https://example.com/' })
  })

  it('is verified by every key, and made by the first', async () => {
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

  it('covers the expiry, which ends at its second', async () => {
    const ring = await createKeyRing(['secret'])
    const signature = await signExternalTarget(ring, TARGET, 1000)
    const signed = request(signature, { expiresAt: 1000 })
    expect(await verifyExternal(signed, ring, 999)).toMatchObject({ kind: 'verified-external' })
    expect(await verifyExternal(signed, ring, 1000)).toMatchObject({ code: 'expired' })
    const moved = request(signature, { expiresAt: 2000 })
    expect(await verifyExternal(moved, ring, 999)).toMatchObject({ code: 'bad-signature' })
    expect(await verifyExternal(request(signature), ring, 999)).toMatchObject({ code: 'bad-signature' })
  })

  it('is judged before the target is decoded', async () => {
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
