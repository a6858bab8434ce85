import type { OwnUrls } from '@media-proxy/shared/request/own-url.ts'
import { MAX_PURGE_BYTES, parsePurge } from '@media-proxy/shared/request/purge.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { jsonResponse } from '@media-proxy/shared/response/plain.ts'
import type { PurgeAnswer } from '../api/answers.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import type { Answer, Exchange } from './exchange.ts'
import { readInternalBody } from './internal-body.ts'

/** `POST /_purge`: removes all renditions that were made from a source. */
export async function servePurge(
  exchange: Exchange,
  pipeline: Pipeline,
  ownUrls: OwnUrls,
): Promise<Answer | Failure> {
  const body = await readInternalBody(exchange, MAX_PURGE_BYTES)
  if (isFailure(body)) return body
  const names = parsePurge(new TextDecoder().decode(body), ownUrls)
  if (isFailure(names)) return names
  const removed = await pipeline.purge(names)
  if (isFailure(removed)) return removed
  const answer: PurgeAnswer = { removed }
  return { response: jsonResponse(answer, exchange) }
}
