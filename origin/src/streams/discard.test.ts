import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { discard } from './discard.ts'

const CHUNK = new Uint8Array(1000)

/** A body that pauses before each chunk, and then ends, or never does. */
function body(pausesMs: readonly number[], ends: boolean): ReadableStream<Uint8Array> {
  const left = [...pausesMs]
  return new ReadableStream({
    async pull(controller) {
      const pauseMs = left.shift()
      if (pauseMs === undefined) return ends ? controller.close() : new Promise(() => undefined)
      await setTimeout(pauseMs)
      controller.enqueue(CHUNK)
    },
  })
}

it('reads a body to its end, whatever a slow network makes it pause for', async () => {
  expect(await discard(body([0, 400, 400], true))).toEqual({})
})

it('closes the connection of a client that does not begin, or does not go on', async () => {
  expect(await discard(body([], false))).toEqual({ connection: 'close' })
  expect(await discard(body([0], false))).toEqual({ connection: 'close' })
})
