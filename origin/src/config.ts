import { readFileSync } from 'node:fs'
import { CONFIG_FILE_VARIABLE, type LoadedConfig, loadConfig } from '@media-proxy/shared/config/load.ts'

/** Loads the origin's configuration: defaults, the file that `MEDIA_PROXY_CONFIG` names, the environment. */
export function loadOriginConfig(environment: Readonly<Record<string, string | undefined>>): LoadedConfig {
  const file = environment[CONFIG_FILE_VARIABLE]
  if (file === undefined) return loadConfig('origin', { environment })
  try {
    return loadConfig('origin', { environment, json: JSON.parse(readFileSync(file, 'utf8')) })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ok: false, faults: [`${CONFIG_FILE_VARIABLE}: cannot read ${file}: ${reason}`] }
  }
}
