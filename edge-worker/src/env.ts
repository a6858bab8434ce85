import { loadConfig } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'

/** The settings the edge works with; a setting it cannot do without is no longer optional here. */
export interface EdgeSettings {
  readonly config: Config
  readonly originUrl: string
}

export type LoadedSettings =
  | { readonly ok: true; readonly settings: EdgeSettings }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Reads the worker's variables and secrets, which have the names of the origin's environment variables. */
export function loadSettings(bindings: Readonly<Record<string, unknown>>): LoadedSettings {
  const loaded = loadConfig('edge', { environment: bindings })
  if (!loaded.ok) return loaded
  const { originUrl } = loaded.config
  if (originUrl === undefined) return { ok: false, faults: ['MEDIA_PROXY_ORIGIN_URL: found nothing'] }
  return { ok: true, settings: { config: loaded.config, originUrl } }
}
