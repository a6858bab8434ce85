import { readFileSync } from 'node:fs'
import { FLUXER_CONFIG_VARIABLE } from '@media-proxy/shared/config/inherited.ts'
import { CONFIG_FILE_VARIABLE, type LoadedConfig, loadConfig } from '@media-proxy/shared/config/load.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Loads the origin's configuration: defaults, the file that `FLUXER_CONFIG` names, the one that `MEDIA_PROXY_CONFIG` names,
 * the environment.
 */
export function loadOriginConfig(environment: Environment): LoadedConfig {
  const faults: string[] = []
  const read = (variable: string) => {
    const text = environment[variable]?.trim()
    if (!text) return undefined
    const inline = variable === FLUXER_CONFIG_VARIABLE && text.startsWith('{')
    try {
      // Editors on Windows put a byte order mark before it, which is no JSON.
      return JSON.parse(inline ? text : readFileSync(text, 'utf8').replace(/^\uFEFF/, ''))
    } catch (error) {
      // The words of a syntax error show what stands there, and secrets stand there.
      const reason = error instanceof SyntaxError ? `it is no JSON${placeIn(error)}` : String(error)
      faults.push(`${variable}: cannot read ${inline ? 'the JSON text' : text}: ${reason}`)
      return undefined
    }
  }
  const sources = {
    environment,
    json: read(CONFIG_FILE_VARIABLE),
    fluxerConfig: read(FLUXER_CONFIG_VARIABLE),
  }
  return faults.length > 0 ? { ok: false, faults } : loadConfig('origin', sources)
}

/** Where the fault lies, which V8 tells of most. */
function placeIn({ message }: SyntaxError): string {
  const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(message) ?? []
  return line === undefined ? '' : ` at line ${line}, column ${column}`
}
