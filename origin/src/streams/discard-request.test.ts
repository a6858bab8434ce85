import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { discardRequest } from './discard-request.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const NONE = new Headers()
const CHUNK = new Uint8Array(1000)

/**
 * Creates a body that pauses before each chunk and then ends,
 * or never does. Also counts the chunks that were read.
 */
function body(pausesMs: readonly number[], ends: boolean) {
  const left = [...pausesMs]
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const pauseMs = left.shift()
        if (pauseMs === undefined) return ends ? controller.close() : new Promise(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
        controller.enqueue(CHUNK)
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, taken: () => pausesMs.length - left.length }
}

it('reads a body to its end, despite the pauses of a slow network', async () => {
  const slow = body([0, 400, 400], true)
  const discarded = discardRequest({ body: slow.stream, headers: NONE })
  await vi.advanceTimersByTimeAsync(800)
  await discarded
  expect(slow.taken()).toBe(3)
})

it('does not wait for a client that sends nothing, or stops sending', async () => {
  const [silent, ceasing] = [body([], false), body([0], false)]
  const discarded = [silent, ceasing].map(({ stream }) => discardRequest({ body: stream, headers: NONE }))
  await vi.advanceTimersByTimeAsync(1000)
  await Promise.all(discarded)
  expect([silent.taken(), ceasing.taken()]).toEqual([0, 1])
})

it('leaves a body alone that is being read', async () => {
  const { stream } = body([0], false)
  stream.getReader()
  await discardRequest({ body: stream, headers: NONE })
})

it('does not request a body after Expect: 100-continue', async () => {
  const { stream, taken } = body([0], true)
  await discardRequest({ body: stream, headers: new Headers({ expect: '100-continue' }) })
  expect(taken()).toBe(0)
})
