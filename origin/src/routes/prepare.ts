/** `POST /_prepare`: has renditions of an object made before they are requested. */

import type { AssetRequest, MediaRequest } from '@media-proxy/shared/request/media-request.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import type { PresetRules } from '@media-proxy/shared/request/preset-rules.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { jsonResponse } from '@media-proxy/shared/response/plain.ts'
import type { PreparationAnswer } from '../api/answers.ts'
import { prepareSchema } from '../api/bodies.ts'
import type { Preparation } from '../rendition/preparation.ts'
import { isTransformed, type TransformedAttachment } from '../rendition/spec.ts'
import type { Answer, Exchange } from './exchange.ts'
import { readJsonBody } from './internal-body.ts'

export interface PrepareOptions {
  readonly preparation: Preparation
  readonly presetOf: PresetRules['presetOf']
}

const MAX_BODY_BYTES = 256 * 1024

/**
 * Responds with 202 and the state of each rendition. Fails with
 * `bad-field` when a path is not a rendition of the object.
 */
export async function servePrepare(
  exchange: Exchange,
  { preparation, presetOf }: PrepareOptions,
): Promise<Answer | Failure> {
  const body = await readJsonBody(exchange, prepareSchema, MAX_BODY_BYTES)
  if (isFailure(body)) return body
  const requests: (readonly [path: string, request: Preparable])[] = []
  for (const [index, path] of body.renditions.entries()) {
    const request = URL.canParse(path, BASE)
      ? parseRequest(new URL(path, BASE), { accept: null, assets: false, ...(presetOf && { presetOf }) })
      : fail('bad-field')
    if (isFailure(request) || !isRenditionOf(request, body.object))
      return fail('bad-field', `renditions.${index} is no rendition of the object`)
    requests.push([path, request])
  }
  const states = requests.map(([path, request]) => ({ path, state: preparation.add(request) }))
  const pathsOf = (wanted: string) => states.filter(({ state }) => state === wanted).map(({ path }) => path)
  const answer: PreparationAnswer = {
    ready: pathsOf('ready'),
    queued: pathsOf('queued'),
    rejected: pathsOf('full'),
  }
  return { response: jsonResponse(answer, exchange, 202) }
}

const BASE = 'http://media.invalid'

type Preparable = AssetRequest | TransformedAttachment

function isRenditionOf(request: MediaRequest, object: string): request is Preparable {
  if (request.kind === 'asset')
    return object === request.key || object === `${request.key}.${request.extension}`
  return request.kind === 'attachment' && request.key === object && isTransformed(request)
}
