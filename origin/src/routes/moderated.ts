/** Untransformed media under `nsfw.onServe`: looked at before the first byte leaves. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { NSFW_HEADER } from '@media-proxy/shared/response/rendition.ts'
import { startDeadline } from '../concurrency/deadline.ts'
import { waitFor } from '../concurrency/wait.ts'
import type { ServePolicy } from '../nsfw/serve-policy.ts'
import type { SourcePlace, SourceReader } from '../source/reader.ts'
import { type Answer, type Exchange, once, reject } from './exchange.ts'

export interface ModeratedOptions {
  readonly policy: ServePolicy
  readonly sources: SourceReader
  readonly deadlineMs: number
}

/** Answers as `pass` does, unless the source is flagged: then not at all, or as `blur` does (a still), by the mode. */
export async function serveModerated(
  { policy, sources, deadlineMs }: ModeratedOptions,
  place: SourcePlace,
  exchange: Exchange,
  pass: () => Promise<Answer>,
  blur: () => Promise<Answer>,
): Promise<Answer> {
  if (policy.mode === 'off') return pass()
  using deadline = startDeadline(exchange.signal, deadlineMs)
  const { signal } = deadline
  const handle = sources.open(place)
  try {
    const source = await waitFor(handle.value, signal)
    // What cannot be opened is refused by its own route, in its own words.
    if (isFailure(source)) return once(await pass())
    const verdict = await policy.check(source, deadlineMs, signal)
    if (isFailure(verdict)) return reject(verdict, exchange.requestId)
    if (verdict?.nsfw && policy.mode === 'blur') return once(await blur())
    const answer = once(await pass())
    if (verdict !== undefined && answer.failure === undefined) {
      answer.response.headers.set(NSFW_HEADER, verdict.probability.toFixed(4))
    }
    return answer
  } finally {
    handle.release()
  }
}
