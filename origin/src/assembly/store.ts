import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { createFilesystemStore } from '../store/filesystem.ts'

/** The store that a configuration names. */
export function createStore(config: Config): ObjectStore {
  if (storageOf(config) === 'filesystem') return createFilesystemStore(config.storageDir)
  const { endpoint, region, accessKeyId, secretAccessKey, timeoutMs } = config.s3
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error('an s3 store without endpoint or credentials passed the configuration')
  }
  return createS3Store({
    endpoint,
    region,
    accessKeyId,
    secretAccessKey,
    timeoutMs,
    maxDecodedBytes: config.limits.sourceBytes,
  })
}
