/** Shows the progress of a clip while the page waits for it. */

import { isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { clipProgress } from './api.ts'
import { byId, show } from './dom.ts'

/** A clip that takes less time is complete before any progress would be visible. */
const POLL_MS = 700

/** Shows a progress bar until the signal fires. Shows none when the service reports no progress. */
export function watchClip(signal: AbortSignal): void {
  const bar = byId('progress', HTMLProgressElement)
  const timer = setInterval(async () => {
    const answer = await clipProgress()
    if (signal.aborted) return
    if (isClientFailure(answer)) return clearInterval(timer)
    const [share] = answer.clips
    show(bar, share !== undefined)
    bar.value = share ?? 0
  }, POLL_MS)
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    show(bar, false)
  })
}
