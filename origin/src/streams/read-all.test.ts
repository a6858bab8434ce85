import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { readAll } from './read-all.ts'

describe('a body of known size', () => {
  const bodyOf = (chunks: readonly Uint8Array[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
      },
    })
  const chunksOf = (...sizes: readonly number[]) => sizes.map((size, at) => new Uint8Array(size).fill(at + 1))

  it('is read into one buffer, and its chunks are freed', async () => {
    const chunks = chunksOf(3, 2, 4)
    expect([...((await readAll(bodyOf(chunks), 9)) as Uint8Array)]).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 3])
    expect(chunks.map(({ buffer }) => buffer.byteLength)).toEqual([0, 0, 0])
  })

  it('leaves a chunk alone that is a part of a larger buffer', async () => {
    const shared = new Uint8Array(10).fill(7)
    const chunks = [shared.subarray(0, 4), shared.subarray(4, 8)]
    expect([...((await readAll(bodyOf(chunks), 8)) as Uint8Array)]).toEqual([7, 7, 7, 7, 7, 7, 7, 7])
    expect(shared).toEqual(new Uint8Array(10).fill(7))
  })

  it('is returned as it is when it arrives as one chunk', async () => {
    const [chunk = new Uint8Array()] = chunksOf(5)
    expect(await readAll(bodyOf([chunk]), 5)).toBe(chunk)
  })

  it.each([
    ['shorter', [3, 2], 9],
    ['longer', [3, 9], 9],
    ['longer than its only chunk', [9, 1], 9],
  ])('is rejected when it is %s than declared', async (_, sizes, declared) => {
    const read = await readAll(bodyOf(chunksOf(...sizes)), declared)
    expect(isFailure(read) && read.code).toBe('store-unreachable')
  })
})
