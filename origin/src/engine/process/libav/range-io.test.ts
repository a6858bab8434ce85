import { fail } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { loadLibav } from './load.ts'
import { openRangeIo } from './range-io.ts'

const libav = await loadLibav()
afterAll(() => libav?.pool.close())

const FILE = new Uint8Array(5_000_003).map((_, index) => (index * 31 + (index >> 8)) & 0xff)

describe.skipIf(libav === undefined)('the input of libav (needs FFmpeg’s libraries)', () => {
  function opened() {
    if (libav === undefined) throw new Error('no libraries')
    const asked: number[] = []
    const source = {
      sizeBytes: FILE.length,
      read(start: number, end: number) {
        asked.push(end - start)
        return FILE.subarray(start, end)
      },
    }
    const ranges = openRangeIo(libav, source)
    ranges.allow(2 * FILE.length)
    return { ranges, asked, constants: libav.constants }
  }

  it('is read in larger and larger parts when it is read sequentially', () => {
    const { ranges, asked } = opened()
    using open = ranges
    const parts: Buffer[] = []
    for (;;) {
      const part = open.io.readSync(64 * 1024)
      if (typeof part === 'number') break
      parts.push(part)
    }
    expect(Buffer.concat(parts).equals(FILE)).toBe(true)
    expect(asked.length).toBeLessThan(15)
    expect(Math.max(...asked)).toBe(512 * 1024)
  })

  it('is limited to the allowed bytes', () => {
    const { ranges, asked } = opened()
    using open = ranges
    open.allow(300_000)
    while (typeof open.io.readSync(64 * 1024) !== 'number');
    expect(open.failure).toMatchObject({ code: 'undecodable' })
    expect(asked.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(300_000)
  })

  it('remembers that the source failed, also when another part is allowed afterwards', () => {
    if (libav === undefined) throw new Error('no libraries')
    let reads = 0
    const source = {
      sizeBytes: FILE.length,
      read(start: number, end: number) {
        reads += 1
        return reads === 2 ? fail('store-unreachable') : FILE.subarray(start, end)
      },
    }
    using ranges = openRangeIo(libav, source)
    ranges.allow(FILE.length)
    expect(ranges.peek(0, 10)).toHaveLength(64 * 1024)
    expect(ranges.peek(1_000_000, 1_000_010)).toMatchObject({ code: 'store-unreachable' })
    ranges.allow(FILE.length)
    expect(ranges.failure).toMatchObject({ code: 'store-unreachable' })
    expect(ranges.peek(2_000_000, 2_000_010)).toMatchObject({ code: 'store-unreachable' })
    expect(ranges.io.readSync(10)).toBeTypeOf('number')
    expect(reads).toBe(2)
  })

  it('counts what is read outside libav as well, and may be read again when more is allowed', () => {
    const { ranges, asked } = opened()
    using open = ranges
    open.allow(100_000)
    expect(open.peek(0, 10)).toHaveLength(64 * 1024)
    // The kept part has only the start of this range.
    expect(open.peek(60_000, 120_000)).toMatchObject({ code: 'undecodable' })
    expect(open.failure).toBeUndefined()
    open.allow(100_000)
    expect(open.peek(60_000, 120_000)).toEqual(FILE.subarray(60_000, 120_000))
    expect(asked).toEqual([64 * 1024, 60_000])
  })

  it('has the right bytes at every position', () => {
    const { ranges, constants } = opened()
    using open = ranges
    let seed = 7
    for (let round = 0; round < 300; round += 1) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      const at = round % 3 === 0 ? seed % FILE.length : undefined
      if (at !== undefined) open.io.seekSync(BigInt(at), constants.AVSEEK_SET)
      const start = Number(open.io.tell())
      const part = open.io.readSync(1 + ((seed >> 7) % 200_000))
      if (typeof part === 'number') continue
      expect(part.equals(FILE.subarray(start, start + part.length))).toBe(true)
    }
  })
})
