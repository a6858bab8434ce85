/** Static mode at the edge: straight from the bucket, without the origin wherever the bucket can be reached. */

import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { serveStaticSite, staticKeyOf } from '@media-proxy/shared/store/static-site.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { forward } from './forward.ts'
import type { FetchOrigin } from './origin.ts'
import { createR2Store } from './r2-store.ts'

export type StaticSite = (exchange: EdgeExchange) => Promise<Delivered | Failure>

/** Reads the bound bucket, else S3; a store that is a folder only the origin can read. */
export function createStaticSite(
  config: Config,
  bucket: R2Bucket | undefined,
  origin: FetchOrigin,
): StaticSite {
  const store = bucket === undefined ? s3StoreOf(config) : createR2Store(bucket, config.limits.sourceBytes)
  const index = config.staticIndex
  if (store === undefined) {
    return async (exchange) => {
      const key = staticKeyOf(exchange.url.pathname, index)
      return isFailure(key) ? key : forward(origin, exchange)
    }
  }
  const site = { store, bucket: config.s3.bucketStatic, index }
  return async (exchange) => {
    const { pathname } = exchange.url
    const response = await exchange.timings.measure('store', () => serveStaticSite(site, pathname, exchange))
    return isFailure(response) ? response : { response: withLength(response), cache: 'BYPASS' }
  }
}

/** Without a body of declared length the platform would drop Content-Length and send chunks. */
function withLength(response: Response): Response {
  const length = response.headers.get('content-length')
  if (response.body === null || length === null) return response
  return new Response(response.body.pipeThrough(new FixedLengthStream(Number(length))), response)
}

function s3StoreOf(config: Config): ObjectStore | undefined {
  const { endpoint, region, accessKeyId, secretAccessKey, timeoutMs } = config.s3
  if (storageOf(config) !== 's3' || endpoint === undefined) return undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return createS3Store({
    endpoint,
    region,
    accessKeyId,
    secretAccessKey,
    timeoutMs,
    maxDecodedBytes: config.limits.sourceBytes,
  })
}
