import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { createConfiguredS3Store } from '@media-proxy/shared/store/configured-store.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { createChainCredentials } from '../store/aws-credentials.ts'
import { createFilesystemStore } from '../store/filesystem.ts'

/** Creates the configured store. */
export function createStore(config: Config): ObjectStore {
  if (storageOf(config) === 'filesystem') return createFilesystemStore(config.storageDir)
  const { credentials, region } = config.s3
  const chain = credentials === 'chain' ? createChainCredentials(region) : undefined
  const store = createConfiguredS3Store(config, chain)
  if (store === undefined)
    throw new Error('an s3 store without endpoint or credentials passed the configuration')
  return store
}
