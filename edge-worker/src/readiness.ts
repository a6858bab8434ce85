import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { textResponse } from '@media-proxy/shared/response/plain.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { forward } from './forward.ts'
import type { FetchOrigin } from './origin.ts'
import type { StaticSite } from './static-site.ts'

/** Answers `/_ready` for the origin, or for the bucket if the worker reads its bucket itself. */
export async function answerReady(
  exchange: EdgeExchange,
  staticSite: StaticSite | undefined,
  origin: FetchOrigin,
): Promise<Delivered | Failure> {
  if (staticSite?.check === undefined) return forward(origin, exchange)
  const failure = await staticSite.check()
  if (!isFailure(failure)) return { response: textResponse('OK', 200, exchange), cache: 'BYPASS' }
  console.warn({ message: 'the store is not ready', failure: failure.code, detail: failure.detail })
  return { response: textResponse('Not ready: store', 503, exchange), cache: 'BYPASS' }
}
