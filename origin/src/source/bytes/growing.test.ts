import { describe, expect, it } from 'vitest'
import { createLane } from '../../concurrency/lane.ts'
import { readGrowing } from './growing.ts'

const MIB = 1024 * 1024

/** Creates a body of chunks of half a MiB, each filled with its number. */
function bodyOf(chunks: number) {
  let sent = 0
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === chunks) return controller.close()
      controller.enqueue(new Uint8Array(MIB / 2).fill(sent))
      sent += 1
    },
    cancel() {
      cancelled = true
    },
  })
  return { body, sent: () => sent, cancelled: () => cancelled }
}

const laneOf = (capacityBytes: number) => createLane({ concurrency: 100, queue: 0, capacityBytes })

describe('a body without a length', () => {
  it('is read whole when it is short, and its memory is held until it is no longer needed', async () => {
    const memory = laneOf(2 * MIB)
    const open = new AbortController()
    const read = await readGrowing(bodyOf(3).body, { maxBytes: 4 * MIB, memory, signal: open.signal })
    expect(read).toMatchObject({ complete: true, bytes: { length: 1.5 * MIB } })
    expect(memory.tryAcquire(MIB)).toBeUndefined()
    open.abort()
    expect(memory.tryAcquire(2 * MIB)).toBeDefined()
  })

  it('is rejected as soon as there is no memory for more, and read no further', async () => {
    const { body, sent, cancelled } = bodyOf(100)
    const open = new AbortController()
    const read = await readGrowing(body, { maxBytes: 64 * MIB, memory: laneOf(2 * MIB), signal: open.signal })
    expect(read).toMatchObject({ code: 'overloaded', headers: { 'retry-after': '1' } })
    expect(cancelled()).toBe(true)
    expect(sent()).toBeLessThanOrEqual(6)
  })

  it('is returned together with its start when it is longer than the buffer', async () => {
    const memory = laneOf(16 * MIB)
    const open = new AbortController()
    const read = await readGrowing(bodyOf(8).body, { maxBytes: 2 * MIB, memory, signal: open.signal })
    if (!('body' in read)) throw new Error('not given back')
    const bytes = Buffer.from(await new Response(read.body).arrayBuffer())
    expect(bytes.length).toBe(4 * MIB)
    for (let chunk = 0; chunk < 8; chunk += 1) expect(bytes[(chunk * MIB) / 2 + 1]).toBe(chunk)
  })
})
