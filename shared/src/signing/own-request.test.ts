import { describe, expect, it } from 'vitest'
import { createKeyRing } from './hmac.ts'
import { isOwnRequest, LOOP_HEADER, ownName } from './own-request.ts'

const ring = await createKeyRing(['new', 'old'])
const own = await ownName(ring)
const older = await ownName(await createKeyRing(['old']))
const other = await ownName(await createKeyRing(['another']))

describe('a request of the service to itself', () => {
  it.each([
    [own, true],
    [older, true],
    [`cloudflare, ${own}`, true],
    [`cloudflare; loops=1,${own} ; a=b`, true],
    [other, false],
    ['cloudflare', false],
    ['', false],
    [`${own}0`, false],
    [own.toUpperCase(), false],
    [`${'x,'.repeat(30)}${own}`, false],
  ])('is recognised only by one of its names in the header: %s', async (names, isOwn) => {
    expect(await isOwnRequest(new Headers({ [LOOP_HEADER]: names }), ring)).toBe(isOwn)
  })

  it('is not recognised without the header', async () => {
    expect(await isOwnRequest(new Headers(), ring)).toBe(false)
  })
})
