import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { byobRequestOf } from './byob-request.ts'
import { readAll } from './read-all.ts'

describe('a body of known size', () => {
  const bodyOf = (chunks: readonly Uint8Array[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
      },
    })
  /** A body that writes into the memory of its reader, two bytes at a time. Notes the sizes of that memory. */
  const fillingBodyOf = (chunks: readonly Uint8Array[], given: number[]) => {
    let bytes = Buffer.concat(chunks)
    return new ReadableStream({
      type: 'bytes',
      pull(controller) {
        const { memory, respond } = byobRequestOf(controller) ?? unfilled()
        given.push(memory.length)
        const part = bytes.subarray(0, Math.min(memory.length, 2))
        memory.set(part)
        bytes = bytes.subarray(part.length)
        if (part.length === 0) controller.close()
        respond(part.length)
      },
    })
  }
  const unfilled = () => {
    throw new Error('read without memory')
  }
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

  it('follows a head that was read before', async () => {
    const [head, ...chunks] = chunksOf(3, 2, 4)
    expect([...((await readAll(bodyOf(chunks), 9, head)) as Uint8Array)]).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 3])
    const [whole] = chunksOf(5)
    expect(await readAll(bodyOf([]), 5, whole)).toBe(whole)
  })

  it('writes into the buffer itself when it can', async () => {
    const [head, ...chunks] = chunksOf(3, 2, 4)
    const given: number[] = []
    const read = await readAll(fillingBodyOf(chunks, given), 9, head)
    expect([...(read as Uint8Array)]).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 3])
    expect(given).toEqual([6, 4, 2, 1])
  })

  const rejected = [
    ['shorter', [3, 2], 9],
    ['longer', [3, 9], 9],
    ['longer than its only chunk', [9, 1], 9],
    ['shorter than its head', [9], 5],
  ] as const

  it.each(rejected)('is rejected when it is %s than declared', async (_, sizes, declared) => {
    const read = await readAll(bodyOf(chunksOf(...sizes)), declared)
    expect(isFailure(read) && read.code).toBe('store-unreachable')
    const [head, ...chunks] = chunksOf(...sizes)
    const filled = await readAll(fillingBodyOf(chunks, []), declared, head)
    expect(isFailure(filled) && filled.code).toBe('store-unreachable')
  })
})
