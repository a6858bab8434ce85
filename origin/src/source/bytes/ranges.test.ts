import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { describe, expect, it } from 'vitest'
import { objectRanges } from './object-ranges.ts'
import { createRangeSource } from './ranges.ts'

const SIZE = 1_000_003
const FILE = new Uint8Array(SIZE).map((_, index) => (index * 31 + (index >> 8)) & 0xff)

function counted(head?: Uint8Array) {
  const fetched: [start: number, end: number][] = []
  const bytes = createRangeSource({
    sizeBytes: SIZE,
    async fetchPart(start, end) {
      fetched.push([start, end])
      return FILE.slice(start, end)
    },
    fetchAll: async () => new Blob([FILE]).stream(),
    ...(head === undefined ? {} : { head }),
  })
  return { bytes, fetched }
}

describe('bytes read in ranges', () => {
  it.each([
    [0, 1],
    [0, SIZE],
    [SIZE - 1, SIZE],
    [32_767, 32_769],
    [500_000, 700_000],
    [900_000, SIZE],
  ])('%i to %i equal those of the file', async (start, end) => {
    expect(await counted().bytes.read(start, end)).toEqual(FILE.slice(start, end))
    expect(await counted(FILE.slice(0, 40_000)).bytes.read(start, end)).toEqual(FILE.slice(start, end))
  })

  it('equal those of the file for random reads in any order', async () => {
    const { bytes } = counted(FILE.slice(0, 16_384))
    let seed = 7
    for (let round = 0; round < 300; round += 1) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      const start = seed % (SIZE - 1)
      const end = Math.min(SIZE, start + 1 + ((seed >> 7) % 90_000))
      expect(
        Buffer.compare(Buffer.from(await taken(bytes.read(start, end))), FILE.subarray(start, end)),
      ).toBe(0)
    }
  })

  it('are not fetched again, whether they were read or known before', async () => {
    const { bytes, fetched } = counted(FILE.slice(0, 65_536))
    await bytes.read(10, 20)
    expect(fetched).toEqual([])
    await Promise.all([bytes.read(500_000, 500_010), bytes.read(500_100, 500_110)])
    expect(fetched).toHaveLength(1)
    expect(bytes.bytesRead).toBe(65_536 + 32_768)
  })

  it('are fetched in growing pieces for sequential reads', async () => {
    const { bytes, fetched } = counted()
    for (let at = 0; at + 1000 <= SIZE; at += 1000) await bytes.read(at, at + 1000)
    expect(fetched.length).toBeLessThan(10)
    expect(bytes.bytesRead).toBe(SIZE)
  })

  it('are cached as copies, and the memory that was fetched for them is freed', async () => {
    const parts: Uint8Array[] = []
    const bytes = createRangeSource({
      sizeBytes: SIZE,
      async fetchPart(start, end) {
        // `slice` does not copy a `Buffer`.
        const part = Buffer.allocUnsafeSlow(end - start)
        part.set(FILE.subarray(start, end))
        parts.push(part)
        return part
      },
      fetchAll: async () => fail('store-unreachable'),
    })
    for (let round = 0; round < 2; round += 1)
      expect(await bytes.read(30_000, 130_000)).toEqual(FILE.slice(30_000, 130_000))
    expect(parts.map(({ length }) => length)).toEqual([0])
  })

  it('are not cached when many are read at once, except for the last block', async () => {
    const { bytes, fetched } = counted()
    const end = 16 * 32_768
    await bytes.read(0, end)
    await bytes.read(end - 100, end)
    expect(fetched).toEqual([[0, end]])
    await bytes.read(0, 100)
    expect(fetched).toEqual([
      [0, end],
      [0, 32_768],
    ])
  })

  it('fail when the store fails, and the failure is not cached', async () => {
    let broken = true
    const bytes = createRangeSource({
      sizeBytes: SIZE,
      fetchPart: async (start, end) => (broken ? fail('store-unreachable') : FILE.slice(start, end)),
      fetchAll: async () => fail('store-unreachable'),
    })
    expect(await bytes.read(0, 10)).toEqual({ ok: false, code: 'store-unreachable' })
    broken = false
    expect(await bytes.read(0, 10)).toEqual(FILE.slice(0, 10))
  })
})

describe('an object read in ranges', () => {
  const info = { sizeBytes: SIZE, etag: '"one"', lastModified: new Date(0) }
  const signal = new AbortController().signal
  const storeWith = (etag: string, shift = 0): Pick<ObjectStore, 'get'> => ({
    async get(_, __, { range } = {}) {
      if (range === undefined || 'suffix' in range) return fail('not-found')
      const start = range.start + shift
      const end = (range.end ?? SIZE - 1) + shift
      return {
        info: { ...info, etag },
        range: { start, end },
        body: new Blob([FILE.slice(start, end + 1)]).stream(),
      }
    },
  })

  it('is read when it did not change', async () => {
    const bytes = objectRanges({ store: storeWith('"one"'), bucket: 'b', key: 'k', info, signal })
    expect(await bytes.read(100, 200)).toEqual(FILE.slice(100, 200))
  })

  it('fails as replaced when it has become shorter than a requested range', async () => {
    const store = { get: async () => fail('range-not-satisfiable') }
    const bytes = objectRanges({ store, bucket: 'b', key: 'k', info, signal })
    expect(await bytes.read(100, 200)).toMatchObject({ code: 'store-unreachable' })
  })

  it('fails when it was replaced meanwhile', async () => {
    const bytes = objectRanges({ store: storeWith('"two"'), bucket: 'b', key: 'k', info, signal })
    expect(await bytes.read(100, 200)).toMatchObject({ code: 'store-unreachable' })
  })

  it('fails when the store answers another range', async () => {
    const bytes = objectRanges({ store: storeWith('"one"', 1), bucket: 'b', key: 'k', info, signal })
    expect(await bytes.read(100, 200)).toMatchObject({ code: 'store-misconfigured' })
  })
})

async function taken(read: ReturnType<ReturnType<typeof createRangeSource>['read']>): Promise<Uint8Array> {
  const part = await read
  if (isFailure(part)) throw new Error(part.code)
  return part
}
