/** Serves untransformed media under `nsfw.onServe`: they are scanned before the first byte is sent. */

import { type FailureCode, isFailure } from '@media-proxy/shared/response/failure.ts'
import {
  formatLifetime,
  LIFETIME_HEADER,
  limitedCacheControl,
} from '@media-proxy/shared/response/lifetime.ts'
import { NSFW_HEADER } from '@media-proxy/shared/response/rendition.ts'
import { startDeadline } from '../concurrency/deadline.ts'
import { waitFor } from '../concurrency/wait.ts'
import { hides, type ServePolicy, UNSCANNED_SECONDS } from '../nsfw/serve-policy.ts'
import type { Source } from '../source/bytes/source.ts'
import type { SourceLocation, SourceReader } from '../source/reader.ts'
import { type Answer, type Exchange, once, reject } from './exchange.ts'

export interface ModeratedOptions {
  readonly policy: ServePolicy
  readonly sources: SourceReader
  readonly deadlineMs: number
}

export interface ModeratedWays {
  /** Serves the media unchanged. */
  readonly pass: () => Promise<Answer>
  /**
   * Serves the media unchanged from the source that was scanned, for sources where a second fetch might
   * return other bytes. `release` is called once the source is no longer read.
   */
  readonly passScanned?: (source: Source, release: () => void) => Promise<Answer>
  readonly blur: () => Promise<Answer>
}

/**
 * Serves the media unchanged unless the source is flagged. Depending on the mode, flagged media are rejected
 * or served as a blurred still.
 */
export async function serveModerated(
  { policy, sources, deadlineMs }: ModeratedOptions,
  location: SourceLocation,
  exchange: Exchange,
  { pass, passScanned, blur }: ModeratedWays,
): Promise<Answer> {
  if (policy.mode === 'off') return pass()
  using deadline = startDeadline(exchange.signal, deadlineMs)
  const { signal } = deadline
  const handle = sources.open(location)
  let isPassedOn = false
  const passOn = (source: Source): Promise<Answer> => {
    if (passScanned === undefined || !hides(policy.mode)) return pass()
    isPassedOn = true
    return passScanned(source, () => handle.release())
  }
  try {
    const source = await waitFor(handle.value, signal)
    if (isFailure(source)) {
      // An external server that has nothing now may return something a moment later, which was not scanned.
      const mayPass = passScanned === undefined && HANDLED_BY_ROUTE.has(source.code)
      return mayPass || !hides(policy.mode) ? once(await pass()) : reject(source, exchange.requestId)
    }
    const scanVerdict = await policy.check(source, deadlineMs, signal)
    if (isFailure(scanVerdict)) return reject(scanVerdict, exchange.requestId)
    const verdict = scanVerdict === 'unscanned' ? undefined : scanVerdict
    if (verdict?.nsfw && policy.mode === 'blur') return once(await blur())
    const answer = once(await passOn(source))
    if (scanVerdict === 'unscanned' && answer.failure === undefined)
      limitUnscannedLifetime(answer.response, exchange)
    if (verdict !== undefined && answer.failure === undefined) {
      answer.response.headers.set(NSFW_HEADER, verdict.probability.toFixed(4))
    }
    return answer
  } finally {
    if (!isPassedOn) handle.release()
  }
}

/**
 * Failures for which the route of the media makes the response
 * itself: a missing object, and content that is not media.
 */
const HANDLED_BY_ROUTE: ReadonlySet<FailureCode> = new Set(['not-found', 'unsupported-format'])

function limitUnscannedLifetime({ headers }: Response, { forEdge }: Exchange): void {
  headers.set('cache-control', limitedCacheControl(UNSCANNED_SECONDS))
  if (forEdge)
    headers.set(LIFETIME_HEADER, formatLifetime({ seconds: UNSCANNED_SECONDS, mustRevalidate: true }))
}
