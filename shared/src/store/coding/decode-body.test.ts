import { expect, it } from 'vitest'
import { fail } from '../../response/failure.ts'
import { BodyError } from '../body-error.ts'
import { decodeBody } from './decode-body.ts'

/** A body of these chunks that then breaks off with an error, or is left open. */
function bodyOf(
  chunks: readonly Uint8Array[],
  error?: unknown,
  cancel: () => void = () => undefined,
): ReadableStream<Uint8Array> {
  const pending = chunks[Symbol.iterator]()
  return new ReadableStream<Uint8Array>({
    cancel,
    pull(controller) {
      const { value } = pending.next()
      if (value !== undefined) controller.enqueue(value)
      else if (error !== undefined) controller.error(error)
    },
  })
}

const noise = crypto.getRandomValues(new Uint8Array(60_000))
const coded = await new Response(
  new Blob([noise]).stream().pipeThrough(new CompressionStream('gzip')),
).bytes()

it('fails as the store does when a body breaks off', async () => {
  const stalled = fail('store-timeout', 'no data for 30 s')
  const body = bodyOf([coded.subarray(0, 30_000)], new BodyError(stalled))
  expect(await decodeBody(body, ['gzip'], 1e6)).toEqual(stalled)
})

it('fails with the limit that a body exceeds, and cancels the rest', async () => {
  const cancelled = Promise.withResolvers<void>()
  const body = bodyOf([coded], undefined, () => cancelled.resolve())
  expect(await decodeBody(body, ['gzip'], 50_000)).toMatchObject({ code: 'source-too-large' })
  await cancelled.promise
})

it('errors later as the store does when a large body breaks off', async () => {
  const parts = Array.from({ length: 40 }, () => coded)
  const stalled = fail('store-timeout', 'no data for 30 s')
  const decoded = await decodeBody(bodyOf(parts, new BodyError(stalled)), ['gzip'], 1e8)
  if (!('body' in decoded)) throw new Error('it is held in memory')
  await expect(new Response(decoded.body).arrayBuffer()).rejects.toMatchObject({ failure: stalled })
})

it('decodes a small body', async () => {
  const whole = new Blob([coded]).stream()
  expect(await decodeBody(whole, ['gzip'], 1e6)).toEqual({ complete: true, bytes: noise })
})
