import { describe, expect, it } from 'vitest'
import { createSingleFlight } from '../../concurrency/single-flight.ts'
import { freeWith } from './source.ts'

describe('the memory of a source', () => {
  /**
   * Opens the bytes once per element of `finished`, and releases the handles with these values, in this
   * order. Returns the length of the bytes after each release.
   */
  async function afterwards(bytes: Uint8Array, ...finished: readonly boolean[]): Promise<number[]> {
    const reads = createSingleFlight<Uint8Array>()
    const handles = finished.map(() =>
      reads.join('a source', async (signal) => {
        freeWith(signal, bytes)
        return bytes
      }),
    )
    await handles[0]?.value
    return handles.map((handle, index) => {
      handle.release(finished[index])
      return bytes.length
    })
  }
  const own = () => new Uint8Array(100_000)

  it('is freed when the last user has finished', async () => {
    expect(await afterwards(own(), true, true)).toEqual([100_000, 0])
  })

  it.each([
    ['the first', [false, true]],
    ['the last', [true, false]],
  ] as const)('is kept when %s user left before its work was finished', async (_, finished) => {
    expect(await afterwards(own(), ...finished)).toEqual([100_000, 100_000])
  })

  it('is kept when it is a part of a larger buffer', async () => {
    expect(await afterwards(own().subarray(1), true)).toEqual([99_999])
    expect(await afterwards(Buffer.from('of the pool'), true)).toEqual([11])
  })
})
