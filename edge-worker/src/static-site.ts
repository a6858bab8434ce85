/** Static mode at the edge: serves from the bucket, or through the origin if the worker cannot reach it. */

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
  /** Checks whether the bucket can be read. Undefined when only the origin can read it. */
  readonly check: (() => Promise<Failure | undefined>) | undefined
}

/** Creates a site from the bound bucket, or from S3. Only the origin can read a filesystem store. */
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
      maxDecodedBytes: config.limits.sourceBytes,
      timeoutMs: config.s3.timeoutMs,
    })
  return storageOf(config) === 's3' ? createConfiguredS3Store(config) : undefined
}

/**
 * Gives a body its fixed length. Otherwise the platform would drop Content-Length and use chunked encoding.
 */
function withLength(response: Response): Response {
  const length = response.headers.get('content-length')
  if (response.body === null || length === null) return response
  return new Response(response.body.pipeThrough(new FixedLengthStream(Number(length))), response)
}
