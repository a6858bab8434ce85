/** Tests what a readiness check costs the store. */

import { fail } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import { createReadiness } from './readiness.ts'

function open(outcome: () => ReturnType<typeof fail> | undefined) {
  const clock = { ms: 0 }
  const reads: string[] = []
  const missing: string[] = []
  const notReady = createReadiness({
    store: {
      async check(bucket) {
        reads.push(bucket)
        return outcome()
      },
    },
    buckets: ['cdn', 'uploads'],
    engine: { notReady: async () => missing },
    classifier: undefined,
    draining: () => false,
    log: { warn: () => undefined },
    now: () => clock.ms,
  })
  return { clock, reads, missing, notReady }
}

it('reads each bucket at most once per second, however often it is requested', async () => {
  const { clock, reads, notReady } = open(() => undefined)
  for (let call = 0; call < 100; call += 1) {
    clock.ms = call * 10
    expect(await notReady()).toEqual([])
  }
  expect(reads).toEqual(['cdn', 'uploads'])
  clock.ms = 1000
  await Promise.all([notReady(), notReady()])
  expect(reads).toHaveLength(4)
})

it('reports a store that fails or recovers after a second, and everything else at once', async () => {
  let failure: ReturnType<typeof fail> | undefined
  const { clock, missing, notReady } = open(() => failure)
  expect(await notReady()).toEqual([])
  failure = fail('store-unreachable')
  missing.push('engine')
  expect(await notReady()).toEqual(['engine'])
  clock.ms = 1000
  expect(await notReady()).toEqual(['store', 'engine'])
  failure = undefined
  clock.ms = 2000
  expect(await notReady()).toEqual(['engine'])
})
