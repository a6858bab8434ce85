import { describe, expect, it } from 'vitest'
import { isoBox } from '../../../media/iso-boxes.test-data.ts'
import { type IsoBytes, mostEdits } from './edit-lists.ts'

/** Builds a track whose edits start at these media times; -1 is an empty edit. */
function track(handler: string, times: readonly number[]): Buffer {
  const list = Buffer.alloc(8 + 12 * times.length)
  list.writeUInt32BE(times.length, 4)
  for (const [at, time] of times.entries()) list.writeInt32BE(time, 12 + 12 * at)
  const handlerBox = Buffer.alloc(24)
  handlerBox.write(handler, 8, 'latin1')
  return isoBox('trak', isoBox('edts', isoBox('elst', list)), isoBox('mdia', isoBox('hdlr', handlerBox)))
}

function bytesOf(file: Buffer): IsoBytes {
  return { sizeBytes: file.length, read: (start, end) => file.subarray(start, end) }
}

describe('the most edits of a track', () => {
  const film = (...tracks: readonly Buffer[]) =>
    bytesOf(Buffer.concat([isoBox('ftyp', Buffer.from('isom')), isoBox('moov', ...tracks), isoBox('mdat')]))

  it.each([
    ['of sound are none of its pictures', [track('vide', [0]), track('soun', [0, 500])], 2, 1],
    ['of pictures are', [track('soun', [0]), track('vide', [0, 500, 900])], 3, 3],
    ['are of any track that has pictures', [track('vide', [0]), track('vide', [0, 500])], 2, 2],
    ['count no gaps', [track('vide', [-1, 0])], 1, 1],
    ['are none without a track', [], 0, 0],
  ])('%s', (_, tracks, ofAny, ofPictures) => {
    expect(mostEdits(film(...tracks))).toEqual({ ofAny, ofPictures })
  })
})
