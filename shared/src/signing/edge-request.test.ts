import { describe, expect, it } from 'vitest'
import { isEdgeClaimed, signEdgeRequest, verifyEdgeRequest } from './edge-request.ts'
import { createKeyRing } from './hmac.ts'

const NOW = 1_795_000_000_000
const REQUEST = { method: 'GET', path: '/avatars/1/a.webp?size=64', clientAddress: '192.0.9.1' }

async function signed(secret = 'edge') {
  return new Headers(await signEdgeRequest(await createKeyRing([secret]), REQUEST, NOW))
}

describe('a signed request of the edge', () => {
  it('is verified with every key', async () => {
    const ring = await createKeyRing(['new', 'edge'])
    expect(await verifyEdgeRequest(ring, REQUEST, await signed(), NOW)).toEqual({
      clientAddress: '192.0.9.1',
    })
  })

  it.each([
    [0, true],
    [60_000, true],
    [60_001, false],
    [-60_000, true],
    [-60_001, false],
  ])('is valid after %i ms: %s', async (age, good) => {
    const verdict = await verifyEdgeRequest(await createKeyRing(['edge']), REQUEST, await signed(), NOW + age)
    expect('clientAddress' in verdict).toBe(good)
  })

  it.each([
    ['another path', { path: '/avatars/1/b.webp?size=64' }],
    ['another query', { path: '/avatars/1/a.webp?size=65' }],
    ['another method', { method: 'HEAD' }],
  ])('is not valid for %s', async (_, change) => {
    const ring = await createKeyRing(['edge'])
    expect(await verifyEdgeRequest(ring, { ...REQUEST, ...change }, await signed(), NOW)).toMatchObject({
      code: 'forbidden',
    })
  })

  it.each([
    ['x-edge-client', '192.0.9.2'],
    ['x-edge-time', String(NOW + 1)],
    ['x-edge-signature', 'AAAA'],
    ['x-edge-signature', '!'],
    ['x-edge-time', 'now'],
  ])('is rejected with another %s', async (name, value) => {
    const headers = await signed()
    headers.set(name, value)
    const ring = await createKeyRing(['edge'])
    expect(await verifyEdgeRequest(ring, REQUEST, headers, NOW)).toMatchObject({ code: 'forbidden' })
  })

  it('is rejected with another key, or without a key', async () => {
    for (const ring of [await createKeyRing(['other']), undefined]) {
      expect(await verifyEdgeRequest(ring, REQUEST, await signed(), NOW)).toMatchObject({
        code: 'forbidden',
      })
    }
  })

  it('is recognised by any of its headers', async () => {
    expect(isEdgeClaimed(await signed())).toBe(true)
    expect(isEdgeClaimed(new Headers({ 'x-edge-client': '192.0.9.1' }))).toBe(true)
    expect(isEdgeClaimed(new Headers())).toBe(false)
  })
})
