import { parseArgs } from 'node:util'

export interface CommandLine {
  readonly asks: 'help' | 'version' | 'check' | 'run'
  /** The settings in the options, as environment variables. */
  readonly settings: Readonly<Record<string, string>>
}

/** The environment variables of options that are settings. */
const SETTINGS = {
  port: 'MEDIA_PROXY_PORT',
  host: 'MEDIA_PROXY_HOST',
  storage: 'MEDIA_PROXY_STORAGE_DIR',
  config: 'MEDIA_PROXY_CONFIG',
} as const

export const HELP = `Usage: npx @media-proxy/server [options]

Serves media from a folder or from S3. The playground is at /_playground.

  --port <number>     port to listen on; 0 selects a free port  (${SETTINGS.port}, default 8080)
  --host <address>    address to listen on                      (${SETTINGS.host}, default 127.0.0.1)
  --storage <folder>  folder with one subfolder per bucket      (${SETTINGS.storage}, default .data)
  --config <file>     configuration as JSON                     (${SETTINGS.config})
  --check             reports every error of the configuration; the exit code is 1 if there is one
  --version           prints the version
  --help              prints this help

All other settings are environment variables MEDIA_PROXY_* or fields of the configuration file. With
MEDIA_PROXY_NODE_ENV=production there is no playground, the secrets are required, and the log is JSON.`

/** Parses the command line. An option takes precedence over its environment variable. */
export function readCommandLine(args: readonly string[]): CommandLine | { readonly fault: string } {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: text,
        host: text,
        storage: text,
        config: text,
        version: flag,
        check: flag,
        help: { ...flag, short: 'h' },
      },
    })
    const settings = Object.entries(SETTINGS).flatMap(([option, variable]) => {
      const value = values[option as keyof typeof SETTINGS]
      return value === undefined ? [] : [[variable, value]]
    })
    const asks = values.help ? 'help' : values.version ? 'version' : values.check ? 'check' : 'run'
    return { asks, settings: Object.fromEntries(settings) }
  } catch (error) {
    // The message of a `parseArgs` error names the option.
    if (error instanceof TypeError) return { fault: error.message }
    throw error
  }
}
