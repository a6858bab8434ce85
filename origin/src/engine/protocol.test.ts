import { describe, expect, it } from 'vitest'
import {
  createMessageReader,
  encodeHead,
  HEAD_BYTES,
  MAX_PART_BYTES,
  MESSAGE,
  type Message,
} from './protocol.ts'

const MIB = 1024 * 1024

function encode(kind: Message['kind'], value: unknown, body: Uint8Array): Buffer {
  return Buffer.concat([encodeHead(kind, value, body.length), body])
}

function read(chunks: readonly Buffer[]): readonly Message[] {
  const messages: Message[] = []
  const take = createMessageReader((message) => messages.push(message))
  for (const chunk of chunks) take(chunk)
  return messages
}

const MESSAGES = [
  [MESSAGE.ready, { libav: true }, Buffer.alloc(0)],
  [MESSAGE.done, { name: 'Grüße' }, Buffer.from('some bytes')],
  [MESSAGE.read, [], Buffer.alloc(0)],
  [MESSAGE.part, {}, Buffer.alloc(70_000, 7)],
] as const
const WHOLE = Buffer.concat(MESSAGES.map(([kind, value, body]) => encode(kind, value, body)))

describe('messages', () => {
  it.each([1, 2, 11, 12, 13, 1000, 65_536, WHOLE.length])(
    'arrive complete from chunks of %i bytes',
    (bytes) => {
      const chunks = []
      for (let at = 0; at < WHOLE.length; at += bytes) chunks.push(WHOLE.subarray(at, at + bytes))
      expect(read(chunks).map(({ kind, text, body }) => [kind, JSON.parse(text), Buffer.from(body)])).toEqual(
        MESSAGES.map(([...message]) => message),
      )
    },
  )

  it('of many megabytes are assembled', () => {
    const body = Buffer.alloc(20_000_003, 'abcdefg')
    const whole = encode(MESSAGE.done, {}, body)
    const chunks = []
    for (let at = 0; at < whole.length; at += 3_000_001) chunks.push(whole.subarray(at, at + 3_000_001))
    const [message] = read(chunks)
    expect(message && body.equals(message.body)).toBe(true)
  })

  it('allocate no memory for the size that a header declares', () => {
    const before = process.memoryUsage().arrayBuffers
    const take = createMessageReader(() => undefined)
    take(encodeHead(MESSAGE.done, {}, 1024 * MIB))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB)
  })

  it('wait for their last byte', () => {
    const whole = encode(MESSAGE.done, {}, Buffer.from('abc'))
    expect(read([whole.subarray(0, -1)])).toEqual([])
    expect(read([whole])).toHaveLength(1)
  })

  it.each([
    ['an unknown kind', [0, 2, 0]],
    ['another unknown kind', [Math.max(...Object.values(MESSAGE)) + 1, 2, 0]],
    ['a text that is too long', [MESSAGE.done, MIB + 1, 0]],
    ['a body that is too long', [MESSAGE.done, 2, 1024 * MIB + 1]],
    ['a part that is too large', [MESSAGE.part, 2, MAX_PART_BYTES + 1]],
    ['a body that its kind does not have', [MESSAGE.read, 2, 1]],
  ])('with %s are rejected', (_, numbers) => {
    const head = Buffer.alloc(HEAD_BYTES)
    for (const [index, number] of numbers.entries()) head.writeUInt32LE(number, index * 4)
    expect(() => read([head])).toThrow(RangeError)
  })
})
