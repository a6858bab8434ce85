import { describe, expect, it } from 'vitest'
import { lastFrameEnd } from './matroska-end.ts'

const VIDEO = 1
const AUDIO = 2
const SUBTITLE = 0x11
const MAX_FRAME_TICKS = 500

/** Returns an element with a size of eight bytes, which is unknown when the content is followed by others. */
function element(id: number, content: Buffer, isUnknown = false): Buffer {
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(isUnknown ? 2n ** 57n - 1n : 2n ** 56n + BigInt(content.length))
  const name = Buffer.from(id.toString(16).padStart(2, '0'), 'hex')
  return Buffer.concat([name, size, content])
}

function number(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return element(id, bytes)
}

const track = (at: number, type: number) =>
  element(0xae, Buffer.concat([number(0xd7, at), number(0x83, type)]))
const TRACKS = element(0x1654ae6b, Buffer.concat([track(1, VIDEO), track(2, AUDIO), track(3, SUBTITLE)]))

function frame(trackNumber: number, time: number, content: Uint8Array = Buffer.alloc(3)): Buffer {
  const head = Buffer.from([0x80 | trackNumber, 0, 0, 0])
  head.writeInt16BE(time, 1)
  return Buffer.concat([head, content])
}

const block = (at: number, time: number, content?: Uint8Array) => element(0xa3, frame(at, time, content))
const blockFor = (at: number, time: number, duration: number) =>
  element(0xa0, Buffer.concat([element(0xa1, frame(at, time)), number(0x9b, duration)]))

function cluster(time: number, blocks: readonly Buffer[], isUnknown = false): Buffer {
  return element(0x1f43b675, Buffer.concat([number(0xe7, time), ...blocks]), isUnknown)
}

const endOf = (...clusters: readonly Buffer[]) => endOfFile(fileOf(clusters))
const fileOf = (clusters: readonly Buffer[]) =>
  element(0x18538067, Buffer.concat([TRACKS, ...clusters]), true)
const endOfFile = (file: Buffer) =>
  lastFrameEnd({ sizeBytes: file.length, read: (start, end) => file.subarray(start, end) }, MAX_FRAME_TICKS)

describe('the end of the last frame of a Matroska file', () => {
  it.each([
    ['of known size', false],
    ['of unknown size', true],
  ])('is read from the last of several clusters %s', (_, isUnknown) => {
    const clusters = [
      cluster(0, [block(1, 0), block(1, 40)], isUnknown),
      cluster(1000, [block(1, 0), block(1, 40), block(2, 50)], isUnknown),
    ]
    expect(endOf(...clusters)).toBe(1080)
  })

  it('is the declared end of a block with a duration', () => {
    expect(endOf(cluster(1000, [block(1, 0), blockFor(1, 40, 250)]))).toBe(1290)
  })

  it('assumes no more than the given duration after a pause', () => {
    expect(endOf(cluster(1000, [block(1, 0), block(1, 20_000)]))).toBe(21_000 + MAX_FRAME_TICKS)
  })

  it('ignores tracks that are neither video nor audio', () => {
    const clusters = [cluster(0, [block(1, 0), block(1, 40)]), cluster(90, [blockFor(3, 0, 60_000)])]
    expect(endOf(...clusters)).toBe(80)
  })

  it('ignores the id of a cluster inside a frame', () => {
    const content = Buffer.from([0x1f, 0x43, 0xb6, 0x75, 0x88, 1, 2, 3])
    expect(endOf(cluster(1000, [block(1, 0), block(1, 40, content)]))).toBe(1080)
  })

  it('excludes a frame that is cut off', () => {
    const file = fileOf([cluster(1000, [block(1, 0), block(1, 40), block(1, 90)], true)])
    expect(endOfFile(file.subarray(0, -1))).toBe(1080)
  })

  it('is found when the last cluster is larger than the first part that is searched', () => {
    const large = Buffer.alloc(3 * 1024 * 1024)
    expect(endOf(cluster(1000, [block(1, 0), block(1, 40, large)]))).toBe(1080)
  })

  it('is given up in a file whose end is made of hidden clusters', () => {
    // Each hidden cluster is followed by a chain of elements that contain the other ones: 4,600 clusters with
    // chains of 2,300 elements on average. Eight times as many would take half a minute.
    const hidden = Buffer.from([0xec, 0x85, 0x1f, 0x43, 0xb6, 0x75, 0xff])
    const file = fileOf([cluster(1000, [block(1, 0), block(1, 40)]), Buffer.alloc(32 * 1024, hidden)])
    expect(endOfFile(file)).toBeUndefined()
  })

  it('is unknown without clusters', () => {
    expect(endOf()).toBeUndefined()
  })
})
