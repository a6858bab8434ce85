import { expect, it } from 'vitest'
import { readSequence } from './sequence.ts'

function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + body.length)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, body])
}

/** A sequence of which a few bytes tell how many frames it has, and how long each is shown. */
function sequence(runs: readonly (readonly [frames: number, units: number])[]): Buffer {
  const words = (...values: readonly number[]) => {
    const bytes = Buffer.alloc(4 * values.length)
    for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index)
    return bytes
  }
  const handler = box('hdlr', words(0, 0), Buffer.from('pict'))
  const durations = box('stts', words(0, runs.length, ...runs.flat()))
  const media = box(
    'mdia',
    box('mdhd', words(0, 0, 0, 1000, 0)),
    handler,
    box('minf', box('stbl', durations)),
  )
  return Buffer.concat([box('ftyp', Buffer.from('avis')), box('moov', box('trak', box('tkhd'), media))])
}

it('tells how many frames there are, and how long each is shown', () => {
  const read = readSequence(
    sequence([
      [2, 40],
      [1, 100],
    ]),
  )
  expect(read?.frames).toBe(3)
  expect(read?.timing(99).delay).toEqual([40, 40, 100])
})

it('believes in no more frames than could be told apart', () => {
  const read = readSequence(
    sequence([
      [0xffff_ffff, 40],
      [0xffff_ffff, 40],
    ]),
  )
  expect(read?.frames).toBe(1_000_000)
  expect(read?.timing(read.frames).delay).toHaveLength(1_000_000)
})
