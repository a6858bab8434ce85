import { readFileSync } from 'node:fs'
import { FLUXER_CONFIG_VARIABLE } from '@media-proxy/shared/config/inherited.ts'
import { CONFIG_FILE_VARIABLE, type LoadedConfig, loadConfig } from '@media-proxy/shared/config/load.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Loads the configuration of the origin from the defaults, the file named by `FLUXER_CONFIG`, the file named
 * by `MEDIA_PROXY_CONFIG`, and the environment.
 */
export function loadOriginConfig(environment: Environment): LoadedConfig {
  const faults: string[] = []
  const read = (variable: string) => {
    const text = environment[variable]?.trim()
    if (!text) return undefined
    const inline = variable === FLUXER_CONFIG_VARIABLE && text.startsWith('{')
    try {
      // Editors on Windows add a byte order mark, which is not valid JSON.
      return JSON.parse(inline ? text : readFileSync(text, 'utf8').replace(/^\uFEFF/, ''))
    } catch (error) {
      // The message of a syntax error quotes the text, which may contain secrets.
      const reason = error instanceof SyntaxError ? `it is no JSON${positionIn(error)}` : String(error)
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

/** Returns the position of the fault, which most messages of V8 contain. */
function positionIn({ message }: SyntaxError): string {
  const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(message) ?? []
  return line === undefined ? '' : ` at line ${line}, column ${column}`
}
