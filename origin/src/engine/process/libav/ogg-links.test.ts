import { describe, expect, it } from 'vitest'
import { chainedSeconds, endsWithoutPage, mayBeChained } from './ogg-links.ts'
import type { SyncRanges } from './range-io.ts'

const OPUS_HERTZ = 48_000

function page(serial: number, seconds: number, payload: Buffer, begins = false): Buffer {
  const head = Buffer.alloc(27)
  head.write('OggS', 0, 'latin1')
  head[5] = begins ? 2 : 0
  head.writeBigInt64LE(BigInt(seconds * OPUS_HERTZ), 6)
  head.writeUInt32LE(serial, 14)
  const segments = Buffer.alloc(Math.floor(payload.length / 255) + 1, 255)
  segments[segments.length - 1] = payload.length % 255
  head[26] = segments.length
  return Buffer.concat([head, segments, payload])
}

/** Builds an Opus stream with one page of 50 kB per second. */
function link(serial: number, seconds: number): Buffer {
  const opus = Buffer.alloc(19)
  opus.write('OpusHead', 0, 'latin1')
  const pages = Array.from({ length: seconds }, (_, at) => page(serial, at + 1, Buffer.alloc(50_000)))
  return Buffer.concat([page(serial, 0, opus, true), ...pages])
}

function counted(bytes: Buffer) {
  let reads = 0
  const file: SyncRanges = {
    sizeBytes: bytes.length,
    read(start, end) {
      reads += 1
      return bytes.subarray(start, end)
    },
  }
  return { file, reads: () => reads }
}

describe('links of an Ogg', () => {
  it('are recognised by its start and end, in two reads', () => {
    const { file, reads } = counted(link(1, 40))
    expect(mayBeChained(file)).toBe(false)
    expect(reads()).toBe(2)
    expect(mayBeChained(counted(Buffer.concat([link(1, 40), link(2, 20)])).file)).toBe(true)
  })

  it('are traversed in a few reads', () => {
    const bytes = Buffer.concat([link(1, 40), link(2, 20)])
    const { file, reads } = counted(bytes)
    expect(chainedSeconds(file)).toBe(60)
    expect(reads()).toBeLessThan(10)
  })

  it('are absent from an empty file and from other files', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100_000), Buffer.from('OggS')])
      expect(mayBeChained(counted(bytes).file)).toBe(false)
  })

  it.each([
    ['nothing', 0, false],
    ['fewer zeros than a page has', 10_000, false],
    ['more zeros than a page has', 70_000, true],
  ])('are or are not at the end of a file when %s follows', (_, zeros, isMissing) => {
    const bytes = Buffer.concat([link(1, 2), Buffer.alloc(zeros)])
    expect(endsWithoutPage(counted(bytes).file)).toBe(isMissing)
  })
})
