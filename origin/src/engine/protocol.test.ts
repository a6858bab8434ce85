import { describe, expect, it } from 'vitest'
import {
  createFrameReader,
  encodeHead,
  FRAME,
  type Frame,
  HEAD_BYTES,
  MAX_BODY_BYTES,
  MAX_PART_BYTES,
  MAX_TEXT_BYTES,
} from './protocol.ts'

function encode(kind: Frame['kind'], value: unknown, body: Uint8Array): Buffer {
  return Buffer.concat([encodeHead(kind, value, body.length), body])
}

function read(chunks: readonly Buffer[]): readonly Frame[] {
  const frames: Frame[] = []
  const take = createFrameReader((frame) => frames.push(frame))
  for (const chunk of chunks) take(chunk)
  return frames
}

const FRAMES = [
  [FRAME.ready, { libav: true }, Buffer.alloc(0)],
  [FRAME.done, { name: 'Grüße' }, Buffer.from('some bytes')],
  [FRAME.read, [], Buffer.alloc(0)],
  [FRAME.part, {}, Buffer.alloc(70_000, 7)],
] as const
const WHOLE = Buffer.concat(FRAMES.map(([kind, value, body]) => encode(kind, value, body)))

describe('frames', () => {
  it.each([1, 2, 11, 12, 13, 1000, 65_536, WHOLE.length])(
    'arrive complete from chunks of %i bytes',
    (bytes) => {
      const chunks = []
      for (let at = 0; at < WHOLE.length; at += bytes) chunks.push(WHOLE.subarray(at, at + bytes))
      expect(read(chunks).map(({ kind, text, body }) => [kind, JSON.parse(text), Buffer.from(body)])).toEqual(
        FRAMES.map(([...frame]) => frame),
      )
    },
  )

  it('of many megabytes are assembled', () => {
    const body = Buffer.alloc(20_000_003, 'abcdefg')
    const whole = encode(FRAME.done, {}, body)
    const chunks = []
    for (let at = 0; at < whole.length; at += 3_000_001) chunks.push(whole.subarray(at, at + 3_000_001))
    const [frame] = read(chunks)
    expect(frame && body.equals(frame.body)).toBe(true)
  })

  it('allocate no memory for the size that a header declares', () => {
    const before = process.memoryUsage().arrayBuffers
    const take = createFrameReader(() => undefined)
    take(encodeHead(FRAME.done, {}, MAX_BODY_BYTES))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
  })

  it('wait for their last byte', () => {
    const whole = encode(FRAME.done, {}, Buffer.from('abc'))
    expect(read([whole.subarray(0, -1)])).toEqual([])
    expect(read([whole])).toHaveLength(1)
  })

  it.each([
    ['an unknown kind', [0, 2, 0]],
    ['another unknown kind', [Math.max(...Object.values(FRAME)) + 1, 2, 0]],
    ['a text that is too long', [FRAME.done, MAX_TEXT_BYTES + 1, 0]],
    ['a body that is too long', [FRAME.done, 2, MAX_BODY_BYTES + 1]],
    ['a part that is too large', [FRAME.part, 2, MAX_PART_BYTES + 1]],
    ['a body that its kind does not have', [FRAME.read, 2, 1]],
  ])('with %s are rejected', (_, numbers) => {
    const head = Buffer.alloc(HEAD_BYTES)
    for (const [index, number] of numbers.entries()) head.writeUInt32LE(number, index * 4)
    expect(() => read([head])).toThrow(RangeError)
  })
})
