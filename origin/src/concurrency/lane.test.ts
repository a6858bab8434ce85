import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { createLane, type Lane, type Slot } from './lane.ts'

const never = new AbortController().signal

async function take(lane: Lane, weightBytes = 0): Promise<Slot> {
  const got = await lane.acquire(never, { weightBytes })
  if (isFailure(got)) throw new Error(got.code)
  return got
}

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending
}

describe('a lane', () => {
  it('runs only as many jobs at a time as allowed, in the order of arrival', async () => {
    const lane = createLane({ concurrency: 2, queue: 10 })
    const order: number[] = []
    let max = 0
    const work = (index: number) =>
      lane.run(never, async () => {
        max = Math.max(max, lane.running)
        order.push(index)
        await new Promise(setImmediate)
      })
    await Promise.all([0, 1, 2, 3, 4, 5].map(work))
    expect([max, order, lane.running]).toEqual([2, [0, 1, 2, 3, 4, 5], 0])
  })

  it('lets short jobs overtake long ones that arrived up to `yieldMs` earlier', async () => {
    let nowMs = 0
    const lane = createLane({ concurrency: 1, queue: 10, now: () => nowMs })
    const order: string[] = []
    let held = await take(lane)
    const wait = (name: string, yieldMs: number) =>
      lane.acquire(never, { yieldMs }).then((got) => {
        if (isFailure(got)) throw new Error(got.code)
        order.push(name)
        held = got
      })
    const waits = [wait('long', 500), wait('short', 10), wait('as short', 10), wait('longest', 1000)]
    nowMs = 5
    waits.push(wait('shorter', 2))
    nowMs = 400
    waits.push(wait('late', 10))
    nowMs = 600
    waits.push(wait('too late', 10))
    for (const _ of waits) {
      held.release()
      await new Promise(setImmediate)
    }
    await Promise.all(waits)
    expect(order).toEqual(['shorter', 'short', 'as short', 'late', 'long', 'too late', 'longest'])
  })

  it('rejects a job at once, with Retry-After, when the queue is full', async () => {
    const lane = createLane({ concurrency: 1, queue: 1 })
    const first = await take(lane)
    const second = lane.acquire(never)
    expect(await lane.acquire(never)).toMatchObject({
      code: 'overloaded',
      headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
    })
    first.release()
    expect(isFailure(await second)).toBe(false)
  })

  it('without a queue accepts as many jobs as have a free slot', async () => {
    const lane = createLane({ concurrency: 2, queue: 0 })
    expect(lane.rejection(1)).toBeUndefined()
    expect(lane.rejection(2)).toMatchObject({ code: 'overloaded' })
    const first = await take(lane)
    expect(lane.rejection(0)).toBeUndefined()
    await take(lane)
    expect(lane.rejection(0)).toMatchObject({ code: 'overloaded' })
    expect(await lane.acquire(never)).toMatchObject({ code: 'overloaded' })
    first.release()
    expect(lane.rejection(0)).toBeUndefined()
  })

  it('rejects a job that could not start in time', async () => {
    let nowMs = 0
    const lane = createLane({ concurrency: 1, queue: 100, now: () => nowMs })
    // Each duration contributes a tenth to the average, so the lane now expects work to take 100 ms.
    const first = await take(lane)
    nowMs += 1000
    first.release()
    const held = await take(lane)
    const patient = lane.acquire(never, { timeLeftMs: 100 })
    // The second waiter would have to wait for two jobs.
    expect(await lane.acquire(never, { timeLeftMs: 199 })).toMatchObject({ code: 'overloaded' })
    const second = lane.acquire(never, { timeLeftMs: 200 })
    held.release()
    const next = await patient
    if (isFailure(next)) throw new Error(next.code)
    next.release()
    expect(isFailure(await second)).toBe(false)
  })

  it('limits the sum of the weights, and lets no light job overtake a heavy one', async () => {
    const lane = createLane({ concurrency: 10, queue: 10, capacityBytes: 100 })
    const light = await take(lane, 60)
    const heavy = lane.acquire(never, { weightBytes: 80 })
    const lighter = lane.acquire(never, { weightBytes: 10 })
    expect([await settled(heavy), await settled(lighter)]).toEqual([false, false])
    light.release()
    expect(isFailure(await heavy)).toBe(false)
    expect(isFailure(await lighter)).toBe(false)
    expect(lane.running).toBe(2)
  })

  it('runs a job that is heavier than the limit, alone', async () => {
    const lane = createLane({ concurrency: 10, queue: 10, capacityBytes: 100 })
    const giant = await take(lane, 500)
    const other = lane.acquire(never, { weightBytes: 1 })
    expect(await settled(other)).toBe(false)
    giant.release()
    expect(isFailure(await other)).toBe(false)
  })

  it('lets a caller leave the queue, and the others move up', async () => {
    const lane = createLane({ concurrency: 10, queue: 10, capacityBytes: 100 })
    const first = await take(lane, 60)
    const controller = new AbortController()
    const heavy = lane.acquire(controller.signal, { weightBytes: 80 })
    const light = lane.acquire(never, { weightBytes: 10 })
    controller.abort()
    expect(await heavy).toMatchObject({ code: 'client-gone' })
    expect(isFailure(await light)).toBe(false)
    expect(lane.waiting).toBe(0)
    first.release()
    first.release()
    expect(lane.running).toBe(1)
  })

  it('releases the slot of a job that throws', async () => {
    const lane = createLane({ concurrency: 1, queue: 1 })
    await expect(lane.run(never, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(lane.running).toBe(0)
  })
})
