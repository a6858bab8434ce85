import { createStore } from '@media-proxy/origin/assembly/store.ts'
import { loadConfig } from '@media-proxy/shared/config/load.ts'

export const KEYS = {
  MEDIA_PROXY_S3_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'secret',
}

/** Creates the store of a configuration. */
export function storeOf(environment: Readonly<Record<string, string>>) {
  const loaded = loadConfig('origin', { environment: { MEDIA_PROXY_NODE_ENV: 'test', ...environment } })
  if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
  return createStore(loaded.config)
}
