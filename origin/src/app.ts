import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { AttachmentRequest, MediaRequest } from '@media-proxy/shared/request/media-request.ts'
import { DEFAULT_QUALITY } from '@media-proxy/shared/request/parameters.ts'
import { allowedMethods, judgeMethod, parseRequest } from '@media-proxy/shared/request/parse.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { optionsResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { Hono } from 'hono'
import type { TransformedAttachment } from './rendition/order.ts'
import type { Pipeline } from './rendition/pipeline.ts'
import { type Answer, type Exchange, refuse } from './routes/answer.ts'
import { type InternalOptions, serveFrames, serveThumbnail } from './routes/internal-media.ts'
import { serveRendition } from './routes/renditions.ts'
import { type ServiceOptions, serveEndpoint } from './routes/service.ts'
import { IS_SVG, serveAttachment, serveNamedFile } from './routes/stored-files.ts'
import type { Log } from './telemetry/log.ts'
import { logRequest } from './telemetry/request-log.ts'

export interface AppOptions {
  readonly config: Config
  readonly store: ObjectStore
  readonly pipeline: Pipeline
  readonly service: ServiceOptions
  readonly internal: InternalOptions
  readonly log: Log
}

/** The origin: one grammar decides what a URL asks, one route family answers it. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono()
  app.all('*', async (context) => {
    const startedAt = performance.now()
    const request = context.req.raw
    const exchange: Exchange = {
      method: request.method,
      headers: request.headers,
      requestId: requestIdOf(request.headers),
      get body() {
        return request.body
      },
      get signal() {
        return request.signal
      },
    }
    const parsed = parseRequest(new URL(request.url), {
      accept: exchange.headers.get('accept'),
      assets: options.config.negotiateFormat === 'always',
    })
    const answer = await answerSafely(parsed, exchange, options)
    logRequest(options.log, exchange, parsed, answer, performance.now() - startedAt)
    return answer.response
  })
  return app
}

/** What is thrown is a defect: one logged 500, never the end of the process. */
async function answerSafely(
  parsed: ReturnType<typeof parseRequest>,
  exchange: Exchange,
  options: AppOptions,
): Promise<Answer> {
  try {
    if (isFailure(parsed)) return refuse(parsed, exchange.requestId)
    if (exchange.method === 'OPTIONS') {
      return { response: optionsResponse(allowedMethods(parsed), exchange.requestId) }
    }
    const refused = judgeMethod(parsed, exchange.method)
    return refused === undefined
      ? await dispatch(parsed, exchange, options)
      : refuse(refused, exchange.requestId)
  } catch (error) {
    if (exchange.signal.aborted) return refuse(fail('client-gone'), exchange.requestId)
    if (error instanceof BodyError) return refuse(error.failure, exchange.requestId)
    options.log.error({ err: error, requestId: exchange.requestId }, 'a defect, answered with 500')
    return refuse(fail('defect'), exchange.requestId)
  }
}

async function dispatch(request: MediaRequest, exchange: Exchange, options: AppOptions): Promise<Answer> {
  const { store, pipeline, config } = options
  const files = { store, bucket: config.s3.bucketCdn }
  switch (request.kind) {
    case 'asset':
      return serveRendition(pipeline, request, exchange)
    case 'attachment': {
      if (isTransformed(request)) return serveRendition(pipeline, request, exchange)
      const answer = await serveAttachment(files, request, exchange)
      return answer === IS_SVG ? serveRendition(pipeline, rasterised(request), exchange) : answer
    }
    case 'file':
      return serveNamedFile(files, request, exchange)
    case 'external':
      return refuse(fail('not-implemented', 'external media'), exchange.requestId)
    case 'endpoint':
      if (request.endpoint === 'thumbnail') return serveThumbnail(exchange, options.internal)
      if (request.endpoint === 'frames') return serveFrames(exchange, options.internal)
      return serveEndpoint(request.endpoint, exchange, options.service)
  }
}

function isTransformed(request: AttachmentRequest): request is TransformedAttachment {
  return request.transformation !== undefined
}

/** What an SVG becomes where nothing was asked of it. */
function rasterised(request: AttachmentRequest): TransformedAttachment {
  return {
    ...request,
    transformation: {
      fit: 'cover',
      gravity: 'centre',
      format: 'webp',
      quality: DEFAULT_QUALITY,
      qualityAsked: false,
      animated: false,
    },
  }
}
