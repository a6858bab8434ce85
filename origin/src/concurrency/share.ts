import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { type Lane, runIn, type Slot } from './lane.ts'

/**
 * Returns a lane inside another one. Its jobs hold a slot in both, so that they take no more of the outer
 * lane than their own lane allows, and leave the rest to jobs that use the outer lane directly.
 */
export function shareOf(whole: Lane, own: Lane): Lane {
  const lane: Lane = {
    async acquire(signal, options) {
      const share = await own.acquire(signal, options)
      if (isFailure(share)) return share
      const slot = await whole.acquire(signal, options)
      if (isFailure(slot)) {
        share.release()
        return slot
      }
      return combineSlots(slot, share)
    },
    tryAcquire(weightBytes) {
      const share = own.tryAcquire(weightBytes)
      const slot = share && whole.tryAcquire(weightBytes)
      if (share === undefined || slot === undefined) {
        share?.release()
        return undefined
      }
      return combineSlots(slot, share)
    },
    run: (signal, work, options) => runIn(lane, signal, work, options),
    rejection: (underWay) => own.rejection(underWay) ?? whole.rejection(underWay),
    get running() {
      return own.running
    },
    get waiting() {
      return own.waiting
    },
  }
  return lane
}

function combineSlots(slot: Slot, share: Slot): Slot {
  return {
    release() {
      slot.release()
      share.release()
    },
  }
}
