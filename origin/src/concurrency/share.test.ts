import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import { createLane, type Lane } from './lane.ts'
import { shareOf } from './share.ts'

const STAYS = new AbortController().signal

async function slotIn(lane: Lane) {
  const slot = await lane.acquire(STAYS)
  if (isFailure(slot)) throw new Error(slot.code)
  return slot
}

it('leaves the rest of the lane to other jobs, and releases both slots at the end', async () => {
  const whole = createLane({ concurrency: 2, queue: 4 })
  const share = shareOf(whole, createLane({ concurrency: 1, queue: 4 }))
  const first = await slotIn(share)
  const second = slotIn(share)
  const other = await slotIn(whole)
  expect([whole.running, whole.waiting, share.running, share.waiting]).toEqual([2, 0, 1, 1])
  first.release()
  ;(await second).release()
  other.release()
  expect([whole.running, share.running]).toEqual([0, 0])
})

it('holds no slot while the other lane is full', async () => {
  const whole = createLane({ concurrency: 1, queue: 0 })
  const share = shareOf(whole, createLane({ concurrency: 1, queue: 4 }))
  const other = await slotIn(whole)
  expect(await share.acquire(STAYS)).toMatchObject({ code: 'overloaded' })
  expect(share.tryAcquire(0)).toBeUndefined()
  expect(share.running).toBe(0)
  other.release()
  expect(await share.run(STAYS, async () => 'done')).toBe('done')
  expect([whole.running, share.running]).toEqual([0, 0])
})
