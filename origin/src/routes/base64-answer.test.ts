import { expect, it } from 'vitest'
import { memoryRanges } from '../source/bytes/memory-ranges.ts'
import type { Source } from '../source/bytes/source.ts'
import { base64Answer } from './base64-answer.ts'

const bytes = Buffer.from('abcd')
const source: Source = {
  key: 'a',
  info: { etag: '"a"', lastModified: undefined },
  kind: undefined,
  bytes,
  parts: memoryRanges(bytes),
}

function answered() {
  let closed = false
  const { body } = base64Answer({ size: 4 }, source, { requestId: 'r' }, () => {
    closed = true
  })
  if (body === null) throw new Error('an answer without a body')
  return { body, isClosed: () => closed }
}

it('releases its source at the end', async () => {
  const { body, isClosed } = answered()
  expect(await new Response(body).json()).toEqual({ size: 4, base64: 'YWJjZA==' })
  expect(isClosed()).toBe(true)
})

it.each([[0], [1]])('releases its source when the client disconnects after %i chunks', async (chunks) => {
  const { body, isClosed } = answered()
  const reader = body.getReader()
  for (let read = 0; read < chunks; read += 1) await reader.read()
  await reader.cancel()
  expect(isClosed()).toBe(true)
})
