import { describe, expect, it } from 'vitest'
import { isoBox } from '../../../media/iso-boxes.test-data.ts'
import { readIndex } from './iso-index.ts'
import type { SyncRanges } from './range-io.ts'

/** Builds a track whose edits start at these media times; -1 is an empty edit. */
function track(handler: string, times: readonly number[]): Buffer {
  const list = Buffer.alloc(8 + 12 * times.length)
  list.writeUInt32BE(times.length, 4)
  for (const [at, time] of times.entries()) list.writeInt32BE(time, 12 + 12 * at)
  const handlerBox = Buffer.alloc(24)
  handlerBox.write(handler, 8, 'latin1')
  return isoBox('trak', isoBox('edts', isoBox('elst', list)), isoBox('mdia', isoBox('hdlr', handlerBox)))
}

function bytesOf(file: Buffer): SyncRanges {
  return { sizeBytes: file.length, read: (start, end) => file.subarray(start, end) }
}

describe('the largest number of edits of a track', () => {
  const video = (...tracks: readonly Buffer[]) =>
    bytesOf(Buffer.concat([isoBox('ftyp', Buffer.from('isom')), isoBox('moov', ...tracks), isoBox('mdat')]))

  it.each([
    ['does not count edits of audio as edits of video', [track('vide', [0]), track('soun', [0, 500])], 2, 1],
    ['counts edits of video', [track('soun', [0]), track('vide', [0, 500, 900])], 3, 3],
    ['counts edits of any video track', [track('vide', [0]), track('vide', [0, 500])], 2, 2],
    ['does not count empty edits', [track('vide', [-1, 0])], 1, 1],
    ['is 0 without a track', [], 0, 0],
  ])('%s', (_, tracks, ofAny, ofVideo) => {
    expect(readIndex(video(...tracks))).toMatchObject({ edits: ofAny, videoEdits: ofVideo })
  })
})

describe('encrypted tracks', () => {
  const coded = (number: number, version: number, codec: string) => {
    const head = Buffer.alloc(24)
    head.writeUInt8(version)
    head.writeUInt32BE(number, version === 1 ? 20 : 12)
    const entries = Buffer.alloc(16)
    entries.write(codec, 12, 'latin1')
    return isoBox(
      'trak',
      isoBox('tkhd', head),
      isoBox('mdia', isoBox('minf', isoBox('stbl', isoBox('stsd', entries)))),
    )
  }

  it('are listed by their numbers, in both versions of the header', () => {
    const tracks = [coded(1, 0, 'encv'), coded(2, 0, 'mp4a'), coded(7, 1, 'drms')]
    expect(readIndex(bytesOf(isoBox('moov', ...tracks)))).toMatchObject({
      encryptedTracks: new Set([1, 7]),
    })
  })
})

describe('fragments', () => {
  it.each([
    ['are declared by the index', [isoBox('mvex')], true],
    ['are absent otherwise', [], false],
  ])('%s', (_, extension, isFragmented) => {
    expect(readIndex(bytesOf(isoBox('moov', track('vide', [0]), ...extension)))).toMatchObject({
      isFragmented,
    })
  })
})

describe('edits of no length', () => {
  /** Builds a track whose edits have these durations and start at these media times. */
  const edited = (version: 0 | 1, edits: readonly (readonly [duration: number, time: number])[]) => {
    const head = Buffer.alloc(8)
    head.writeUInt8(version)
    head.writeUInt32BE(edits.length, 4)
    const entries = edits.map(([duration, time]) => {
      const entry = Buffer.alloc(version === 1 ? 20 : 12)
      if (version === 1) {
        entry.writeBigInt64BE(BigInt(duration))
        entry.writeBigInt64BE(BigInt(time), 8)
      } else {
        entry.writeInt32BE(duration)
        entry.writeInt32BE(time, 4)
      }
      return entry
    })
    return isoBox('moov', isoBox('trak', isoBox('edts', isoBox('elst', head, ...entries))))
  }
  const FIRST = 4 * 8 + 8

  it.each([
    ['are found', edited(0, [[0, 0]]), [{ start: FIRST, end: FIRST + 4 }]],
    ['are found in long lists', edited(1, [[0, 1024]]), [{ start: FIRST, end: FIRST + 8 }]],
    [
      'are found after an empty edit',
      edited(0, [
        [40, -1],
        [0, 0],
      ]),
      [{ start: FIRST + 12, end: FIRST + 16 }],
    ],
    [
      'do not count beside one that lasts',
      edited(0, [
        [500, 0],
        [0, 0],
      ]),
      [],
    ],
    ['do not count when nothing is shown', edited(0, [[0, -1]]), []],
  ])('%s', (_, file, endlessEdits) => {
    expect(readIndex(bytesOf(file))).toMatchObject({ endlessEdits })
  })
})
