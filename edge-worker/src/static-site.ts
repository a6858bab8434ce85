/** Static mode at the edge: straight from the bucket, without the origin wherever the bucket can be reached. */

import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { createConfiguredS3Store } from '@media-proxy/shared/store/configured-store.ts'
import { serveStaticSite, staticKeyOf } from '@media-proxy/shared/store/static-site.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { forward } from './forward.ts'
import type { FetchOrigin } from './origin.ts'
import { createR2Store } from './r2-store.ts'

export interface StaticSite {
  serve(exchange: EdgeExchange): Promise<Delivered | Failure>
  /** What the bucket says to being read; undefined where only the origin can tell. */
  readonly check: (() => Promise<Failure | undefined>) | undefined
}

/** Reads the bound bucket, else S3; a store that is a folder only the origin can read. */
export function createStaticSite(
  config: Config,
  bucket: R2Bucket | undefined,
  origin: FetchOrigin,
): StaticSite {
  const store = openStore(config, bucket)
  const index = config.staticIndex
  if (store === undefined) {
    const serve: StaticSite['serve'] = async (exchange) => {
      const key = staticKeyOf(exchange.url.pathname, index)
      return isFailure(key) ? key : forward(origin, exchange)
    }
    return { serve, check: undefined }
  }
  const site = { store, bucket: config.s3.bucketStatic, index }
  const serve: StaticSite['serve'] = async (exchange) => {
    const { pathname } = exchange.url
    const response = await exchange.timings.measure('store', () => serveStaticSite(site, pathname, exchange))
    return isFailure(response) ? response : { response: withLength(response), cache: 'BYPASS' }
  }
  return { serve, check: () => store.check(config.s3.bucketStatic) }
}

function openStore(config: Config, bucket: R2Bucket | undefined) {
  if (bucket !== undefined)
    return createR2Store(bucket, {
      ...{ maxDecodedBytes: config.limits.sourceBytes, timeoutMs: config.s3.timeoutMs },
    })
  return storageOf(config) === 's3' ? createConfiguredS3Store(config) : undefined
}

/** Without a body of declared length the platform would drop Content-Length and send chunks. */
function withLength(response: Response): Response {
  const length = response.headers.get('content-length')
  if (response.body === null || length === null) return response
  return new Response(response.body.pipeThrough(new FixedLengthStream(Number(length))), response)
}
