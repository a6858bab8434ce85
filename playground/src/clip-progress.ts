/** How far a clip is while it is waited for. */

import { isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { clipProgress } from './api.ts'
import { byId, show } from './dom.ts'

/** A shorter clip is there before it is seen to grow. */
const ASK_EVERY_MS = 700

/** Shows a bar until the signal fires; none where the service tells nothing. */
export function watchClip(signal: AbortSignal): void {
  const bar = byId('progress', HTMLProgressElement)
  const timer = setInterval(async () => {
    const answer = await clipProgress()
    if (signal.aborted) return
    if (isClientFailure(answer)) return clearInterval(timer)
    const [share] = answer.clips
    show(bar, share !== undefined)
    bar.value = share ?? 0
  }, ASK_EVERY_MS)
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    show(bar, false)
  })
}
