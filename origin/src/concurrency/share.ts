import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { type Lane, type Place, runIn } from './lane.ts'

/**
 * A lane within another: its work has a place in both, so that it takes no more of the other than its own lane bounds,
 * and leaves the rest to whoever asks that one directly.
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
      return both(place, share)
    },
    tryAcquire(weightBytes) {
      const share = own.tryAcquire(weightBytes)
      const place = share && whole.tryAcquire(weightBytes)
      if (share === undefined || place === undefined) {
        share?.release()
        return undefined
      }
      return both(place, share)
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

function both(place: Place, share: Place): Place {
  return {
    release() {
      place.release()
      share.release()
    },
  }
}
