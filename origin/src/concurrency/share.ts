import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { type Lane, type Place, runIn } from './lane.ts'

/**
 * Returns a lane inside another one. Its jobs hold a place in both, so that they take no more of the outer
 * lane than their own lane allows, and leave the rest to jobs that use the outer lane directly.
 */
export function shareOf(whole: Lane, own: Lane): Lane {
  const lane: Lane = {
    async acquire(signal, admission) {
      const share = await own.acquire(signal, admission)
      if (isFailure(share)) return share
      const place = await whole.acquire(signal, admission)
      if (isFailure(place)) {
        share.release()
        return place
      }
      return combinePlaces(place, share)
    },
    tryAcquire(weightBytes) {
      const share = own.tryAcquire(weightBytes)
      const place = share && whole.tryAcquire(weightBytes)
      if (share === undefined || place === undefined) {
        share?.release()
        return undefined
      }
      return combinePlaces(place, share)
    },
    run: (signal, work, admission) => runIn(lane, signal, work, admission),
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

function combinePlaces(place: Place, share: Place): Place {
  return {
    release() {
      place.release()
      share.release()
    },
  }
}
