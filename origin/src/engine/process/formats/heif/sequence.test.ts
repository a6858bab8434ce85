import { expect, it } from 'vitest'
import { isoBox } from '../../../../media/iso-boxes.test-data.ts'
import { readSequence } from './sequence.ts'

/** Builds a sequence whose few bytes declare its number of frames and the duration of each. */
function sequence(
  runs: readonly (readonly [frames: number, units: number])[],
  unitsPerSecond = 1000,
): Buffer {
  const words = (...values: readonly number[]) => {
    const bytes = Buffer.alloc(4 * values.length)
    for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index)
    return bytes
  }
  const handler = isoBox('hdlr', words(0, 0), Buffer.from('pict'))
  const durations = isoBox('stts', words(0, runs.length, ...runs.flat()))
  const media = isoBox(
    'mdia',
    isoBox('mdhd', words(0, 0, 0, unitsPerSecond, 0)),
    handler,
    isoBox('minf', isoBox('stbl', durations)),
  )
  return Buffer.concat([
    isoBox('ftyp', Buffer.from('avis')),
    isoBox('moov', isoBox('trak', isoBox('tkhd'), media)),
  ])
}

it('a sequence has its number of frames and their durations', () => {
  const read = readSequence(
    sequence([
      [2, 40],
      [1, 100],
    ]),
  )
  expect(read?.frames).toBe(3)
  expect(read?.timing(99).delay).toEqual([40, 40, 100])
})

it('frames of a fraction of a millisecond end at the right time', () => {
  const read = readSequence(sequence([[60, 1]], 60))
  const delays = read?.timing(99).delay ?? []
  expect(new Set(delays)).toEqual(new Set([16, 17]))
  expect(delays.reduce((sum, delay) => sum + delay)).toBe(1000)
})

it('a sequence has at most a million frames', () => {
  const read = readSequence(
    sequence([
      [0xffff_ffff, 40],
      [0xffff_ffff, 40],
    ]),
  )
  expect(read?.frames).toBe(1_000_000)
  expect(read?.timing(read.frames).delay).toHaveLength(1_000_000)
})

/** Builds a file with tracks of these handlers, in this order. */
function tracksOf(...handlers: readonly string[]): Buffer {
  const tracks = handlers.map((handler, index) =>
    isoBox(
      'trak',
      isoBox('mdia', isoBox('hdlr', Buffer.alloc(8), Buffer.from(handler))),
      Buffer.alloc(8 * index),
    ),
  )
  return Buffer.concat([
    isoBox('ftyp', Buffer.from('avis')),
    isoBox('moov', ...tracks),
    isoBox('mdat', Buffer.alloc(5, 1)),
  ])
}

/** Returns the box type and the handler of each track. */
function tracksIn(file: Uint8Array): readonly string[] {
  const text = Buffer.from(file).toString('latin1')
  return [...text.matchAll(/(trak|free).{4}mdia.{4}hdlr.{8}(....)/gs)].map(
    ([, type, handler]) => `${type} ${handler}`,
  )
}

it.each([
  [['pict'], ['trak vide'], ['trak vide']],
  [
    ['pict', 'auxv'],
    ['trak vide', 'free auxv'],
    ['trak vide', 'trak vide'],
  ],
  [
    ['vide', 'pict', 'soun'],
    ['free vide', 'trak vide', 'free soun'],
    ['free vide', 'trak vide', 'free soun'],
  ],
  [
    ['vide', 'auxv'],
    ['trak vide', 'free auxv'],
    ['trak vide', 'trak vide'],
  ],
])('a sequence is played by its own tracks: %j', (handlers, alone, withAlpha) => {
  const read = readSequence(tracksOf(...handlers))
  expect(tracksIn(read?.asVideo() ?? Buffer.alloc(0))).toEqual(alone)
  expect(tracksIn(read?.asVideo('with alpha') ?? Buffer.alloc(0))).toEqual(withAlpha)
})

it('a sequence is played by its image track first, wherever its alpha track is', () => {
  const file = tracksOf('auxv', 'soun', 'pict')
  const played = readSequence(file)?.asVideo('with alpha') ?? Buffer.alloc(0)
  expect(played).toHaveLength(file.length)
  expect(tracksIn(played)).toEqual(['trak vide', 'free soun', 'trak vide'])
  // Each of these tracks is larger than the one before it.
  const [first, , second] = [
    ...Buffer.from(played)
      .toString('latin1')
      .matchAll(/(?:trak|free).{4}mdia/gs),
  ]
  expect((second?.index ?? 0) - (first?.index ?? 0)).toBe(36 + 16 + 36 + 8)
})

/** Builds a track of 61 by 43 pixels with these sample entry boxes and this transformation matrix. */
function described(boxes: readonly Buffer[], matrix: readonly number[] = [1, 0, 0, 1]): Buffer {
  const [a = 0, b = 0, c = 0, d = 0] = matrix.map((value) => value * 65_536)
  const header = Buffer.alloc(84)
  for (const [index, value] of [a, b, 0, c, d, 0, 0, 0, 1 << 30, 61 << 16, 43 << 16].entries())
    header.writeInt32BE(value, 40 + 4 * index)
  const entries = isoBox('stsd', Buffer.alloc(8), isoBox('av01', Buffer.alloc(78), ...boxes))
  const handler = isoBox('hdlr', Buffer.alloc(8), Buffer.from('pict'))
  const media = isoBox('mdia', handler, isoBox('minf', isoBox('stbl', entries)))
  return Buffer.concat([
    isoBox('ftyp', Buffer.from('avis')),
    isoBox('moov', isoBox('trak', isoBox('tkhd', header), media)),
  ])
}

const irot = (turns: number) => isoBox('irot', Buffer.of(turns))
const imir = (axis: number) => isoBox('imir', Buffer.of(axis))

it.each([
  ['no property', [], [1, 0, 0, 1], false],
  ['irot 1', [irot(1)], [0, -1, 1, 0], true],
  ['irot 2', [irot(2)], [-1, 0, 0, -1], false],
  ['irot 3', [irot(3)], [0, 1, -1, 0], true],
  ['imir 0', [imir(0)], [1, 0, 0, -1], false],
  ['imir 1', [imir(1)], [-1, 0, 0, 1], false],
  ['irot 1, imir 0', [irot(1), imir(0)], [0, 1, 1, 0], true],
] as const)('a track is rotated and mirrored by its properties: %s', (_, boxes, matrix, isSideways) => {
  const read = readSequence(described(boxes))
  expect(read?.size).toEqual(isSideways ? { width: 43, height: 61 } : { width: 61, height: 43 })
  const video = Buffer.from(read?.asVideo() ?? [])
  const at = video.indexOf('tkhd') + 4 + 40
  const writtenMatrix = [0, 4, 12, 16].map((offset) => video.readInt32BE(at + offset) / 65_536)
  expect(writtenMatrix).toEqual(matrix)
})

it('a track is rotated only once when its matrix declares the rotation too', () => {
  const read = readSequence(described([irot(1)], [0, 1, -1, 0]))
  expect(read?.size).toEqual({ width: 43, height: 61 })
  expect(Buffer.from(read?.asVideo() ?? []).readInt32BE(described([]).indexOf('tkhd') + 4 + 44)).toBe(65_536)
})

it.each([
  ['urn:mpeg:mpegB:cicp:systems:auxiliary:alpha', true],
  ['urn:mpeg:hevc:2015:auxid:1', true],
  ['urn:mpeg:mpegB:cicp:systems:auxiliary:depth', false],
  [undefined, true],
])('takes an auxiliary track of type %s for alpha: %s', (type, hasAlpha) => {
  const auxiliary = type === undefined ? [] : [isoBox('auxi', Buffer.alloc(4), Buffer.from(`${type}\0`))]
  const entry = isoBox('av01', Buffer.alloc(78), isoBox('free', Buffer.alloc(2)), ...auxiliary)
  const table = isoBox('stbl', isoBox('stsd', Buffer.alloc(8), entry))
  const trackOf = (handler: string, ...more: readonly Buffer[]) =>
    isoBox('trak', isoBox('mdia', isoBox('hdlr', Buffer.alloc(8), Buffer.from(handler)), ...more))
  const tracks = [trackOf('pict'), trackOf('auxv', isoBox('minf', table))]
  const file = Buffer.concat([isoBox('ftyp', Buffer.from('avis')), isoBox('moov', ...tracks)])
  expect(readSequence(file)?.hasAlpha).toBe(hasAlpha)
})
