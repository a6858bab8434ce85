/** Shows the progress of a clip while the page waits for it. */

import { isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { clipProgress } from './api.ts'
import { byId, show } from './dom.ts'

/** A clip that takes less time is complete before any progress would be visible. */
const POLL_MS = 700

/**
 * Shows a progress bar until the signal fires. The service does not report whose clips it encodes, so the bar
 * shows the one that started first. Shows none when the service reports no progress.
 */
export function watchClip(signal: AbortSignal): void {
  const bar = byId('progress', HTMLProgressElement)
  let timer = setTimeout(poll, POLL_MS)
  async function poll(): Promise<void> {
    const answer = await clipProgress()
    if (signal.aborted || isClientFailure(answer)) return
    const [share] = answer.clips
    show(bar, share !== undefined)
    bar.value = share ?? 0
    timer = setTimeout(poll, POLL_MS)
  }
  signal.addEventListener('abort', () => {
    clearTimeout(timer)
    show(bar, false)
  })
}
