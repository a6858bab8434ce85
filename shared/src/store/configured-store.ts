import { configuredBuckets } from '../config/buckets.ts'
import type { Config } from '../config/schema.ts'
import type { CredentialSource } from './s3/credentials.ts'
import { createS3Store } from './s3.ts'
import type { ObjectStore } from './store.ts'

/**
 * Creates the S3 store of a configuration, for the edge and the origin. Undefined when there is no endpoint,
 * or no credentials for it. `chain` provides credentials that the settings do not contain.
 */
export function createConfiguredS3Store(config: Config, chain?: CredentialSource): ObjectStore | undefined {
  const { endpoint, writeEndpoint, pathStyle, region, timeoutMs } = config.s3
  if (endpoint === undefined) return undefined
  const keys = keysOf(config) ?? (chain === undefined ? undefined : { credentials: chain })
  if (keys === undefined) return undefined
  const endpoints = configuredBuckets(config).map(({ bucket, endpoint: at }) => [bucket, at ?? endpoint])
  return createS3Store({
    endpoint,
    writeEndpoint,
    pathStyle,
    region,
    timeoutMs,
    bucketEndpoints: Object.fromEntries(endpoints),
    maxDecodedBytes: config.limits.sourceBytes,
    ...keys,
  })
}

function keysOf({ s3: { accessKeyId, secretAccessKey, sessionToken } }: Config) {
  return accessKeyId === undefined || secretAccessKey === undefined
    ? undefined
    : { accessKeyId, secretAccessKey, sessionToken }
}
