import { fail } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { waitForBoth } from './wait.ts'

describe('waiting for two results', () => {
  const never = new Promise<never>(() => undefined)
  const { signal } = new AbortController()
  const overloaded = fail('overloaded')

  it('returns both', async () => {
    expect(await waitForBoth(Promise.resolve(1), Promise.resolve('a'), signal)).toEqual([1, 'a'])
  })

  it('does not wait for the other one when one has failed', async () => {
    expect(await waitForBoth(Promise.resolve(overloaded), never, signal)).toEqual([overloaded, overloaded])
    expect(await waitForBoth(never, Promise.resolve(overloaded), signal)).toEqual([overloaded, overloaded])
  })

  it('rejects as the first of them does, and handles the rejection of the other one', async () => {
    const { promise: late, reject } = Promise.withResolvers<never>()
    await expect(waitForBoth(Promise.reject(new Error('first')), late, signal)).rejects.toThrow('first')
    reject(new Error('second'))
  })

  it('ends with its signal', async () => {
    const leaving = new AbortController()
    const waiting = waitForBoth(never, never, leaving.signal)
    leaving.abort()
    expect(await waiting).toMatchObject([{ code: 'client-gone' }, { code: 'client-gone' }])
  })
})
