/** Checks the settings of the origin and of the worker, and whether they match. */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { loadOriginConfig } from '@media-proxy/origin/config.ts'
import { loadConfig, storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { unstable_readConfig as readWorkerConfig } from 'wrangler'
import * as z from 'zod'
import { type Finding, failed, ok, warning } from './finding.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface OriginConfiguration {
  /** Undefined when the configuration is invalid. Nothing else can be checked then. */
  readonly config: Config | undefined
  readonly findings: readonly Finding[]
}

const DOCUMENT = 'see docs/configuration.md'

export function checkOrigin(environment: Environment): OriginConfiguration {
  const loaded = loadOriginConfig(environment)
  if (!loaded.ok) {
    const findings = loaded.faults.map((fault) =>
      failed('configuration', fault, `set it to what is accepted, or leave it out; ${DOCUMENT}`),
    )
    return { config: undefined, findings }
  }
  const { config, warnings } = loaded
  const unknownSettings = warnings.map((text) =>
    warning('configuration', text, `correct its name, or remove it; ${DOCUMENT}`),
  )
  const summary = ok('configuration', `${config.nodeEnv}, store ${storageOf(config)}, port ${config.port}`)
  return { config, findings: [summary, ...unknownSettings, ...checkSecrets(config)] }
}

function checkSecrets({ secretKey, edgeSecretKey }: Config): readonly Finding[] {
  return [
    [
      'secretKey',
      secretKey,
      'MEDIA_PROXY_SECRET_KEY',
      'no external URL is accepted and no internal endpoint opens',
    ] as const,
    [
      'edgeSecretKey',
      edgeSecretKey,
      'MEDIA_PROXY_EDGE_SECRET_KEY',
      'requests of the worker are taken for plain ones',
    ] as const,
  ].map(([name, keys, variable, consequence]) =>
    keys.length === 0
      ? warning(
          name,
          `none: ${consequence}`,
          `set ${variable}; pnpm start makes one and keeps it in its data folder`,
        )
      : ok(name, fingerprints(keys)),
  )
}

export interface WorkerSources {
  readonly wranglerToml: string
  /**
   * Files with variables and secrets, in the format of wrangler. Later ones override earlier ones, and
   * missing ones are skipped.
   */
  readonly variableFiles: readonly string[]
}

/** Checks the settings of the worker, and compares its secrets with those of the origin by fingerprint. */
export async function checkWorker(sources: WorkerSources, origin: Config): Promise<readonly Finding[]> {
  const declared = declaredVariables(sources.wranglerToml)
  if ('finding' in declared) return [declared.finding]
  const environment: Record<string, unknown> = { ...declared.variables }
  const read: string[] = []
  const findings: Finding[] = []
  for (const file of sources.variableFiles) {
    const text = await readIfThere(file)
    if (text === undefined) continue
    if (typeof text !== 'string') {
      findings.push(unreadable(file, text.code))
      continue
    }
    Object.assign(environment, parseEnv(text))
    read.push(file)
  }
  return [...findings, ...compareServices(environment, read, origin)]
}

/** Returns the variables in `wrangler.toml`, or a finding when it cannot be read. */
function declaredVariables(
  wranglerToml: string,
): { readonly variables: Readonly<Record<string, unknown>> } | { readonly finding: Finding } {
  try {
    return { variables: readWorkerConfig({ config: wranglerToml }).vars }
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split('\n')
    const found = `${wranglerToml} cannot be read: ${why}`
    return { finding: warning('worker', found, 'correct it, or make it readable for this user') }
  }
}

function compareServices(
  environment: Readonly<Record<string, unknown>>,
  read: readonly string[],
  origin: Config,
): readonly Finding[] {
  const loaded = loadConfig('edge', { environment })
  if (!loaded.ok) {
    return loaded.faults.map((fault) =>
      failed('worker', fault, 'correct it in wrangler.toml, or with `wrangler secret put`'),
    )
  }
  if (read.length === 0) {
    return [
      warning(
        'worker secrets',
        'no file with the worker’s variables: its secrets cannot be compared',
        'give the file as --edge-variables; secrets that Cloudflare keeps cannot be read back',
      ),
    ]
  }
  return [
    compare('secretKey', loaded.config.secretKey, origin.secretKey, 'MEDIA_PROXY_SECRET_KEY'),
    compare(
      'edgeSecretKey',
      loaded.config.edgeSecretKey,
      origin.edgeSecretKey,
      'MEDIA_PROXY_EDGE_SECRET_KEY',
    ),
    ...compareSettings(loaded.config, origin),
  ]
}

/**
 * Compares the keys. The edge signs with its first key, which the origin has to know. External URLs are
 * verified by both.
 */
function compare(
  name: string,
  edge: readonly string[],
  origin: readonly string[],
  variable: string,
): Finding {
  const check = `worker ${name}`
  const [first] = edge
  const found = `worker ${fingerprints(edge)}, origin ${fingerprints(origin)}`
  const known = first === undefined ? origin.length === 0 : origin.includes(first)
  const complete = name === 'edgeSecretKey' || origin.every((key) => edge.includes(key))
  if (known && complete) return ok(check, found)
  return failed(
    check,
    `${found}: they differ`,
    `give the worker and the origin the same ${variable} (worker: wrangler secret put ${variable})`,
  )
}

function compareSettings(edge: Config, origin: Config): readonly Finding[] {
  const pairs = [
    ['staticMode', edge.staticMode, origin.staticMode],
    ['publicUrl', edge.publicUrl.join(','), origin.publicUrl.join(',')],
    ['publicPath', edge.publicPath, origin.publicPath],
    ['corsOrigins', edge.corsOrigins.join(','), origin.corsOrigins.join(',')],
    ['nodeEnv', edge.nodeEnv, origin.nodeEnv],
    ['presets', JSON.stringify(edge.presets), JSON.stringify(origin.presets)],
    ['presetsOnly', edge.presetsOnly, origin.presetsOnly],
  ] as const
  // In development, `pnpm start` sets the public URLs of the origin.
  const isDerived = (name: string) => name === 'publicUrl' && origin.nodeEnv === 'development'
  return pairs
    .filter(([name, atEdge, atOrigin]) => atEdge !== atOrigin && !(isDerived(name) && atOrigin === ''))
    .map(([name, atEdge, atOrigin]) =>
      warning(
        `worker ${name}`,
        `worker ${atEdge || 'none'}, origin ${atOrigin || 'none'}`,
        `give the worker and the origin the same ${name}`,
      ),
    )
}

/** Returns fingerprints of secrets: enough of a hash to distinguish them, too little to guess one. */
function fingerprints(keys: readonly string[]): string {
  if (keys.length === 0) return 'none'
  return keys
    .map((key) => createHash('sha256').update(`fingerprint:${key}`).digest('hex').slice(0, 8))
    .join(', ')
}

/**
 * Reads the secrets that `pnpm start` keeps for a stack on
 * this machine. Returns findings when they cannot be read.
 */
export async function keptSecrets(
  storageDir: string,
): Promise<{ readonly secrets: Environment; readonly findings: readonly Finding[] }> {
  const path = join(storageDir, 'secrets.json')
  const text = await readIfThere(path)
  if (text === undefined) return { secrets: {}, findings: [] }
  if (typeof text !== 'string') return { secrets: {}, findings: [unreadable(path, text.code)] }
  try {
    const kept = z.record(z.string(), z.coerce.string()).parse(JSON.parse(text))
    return { secrets: kept, findings: [] }
  } catch {
    const found = `${path} is not what pnpm start wrote`
    return {
      secrets: {},
      findings: [
        warning('file', found, 'move it away: pnpm start makes new secrets, and old signatures end'),
      ],
    }
  }
}

/** Reads a file. Undefined when it does not exist, and the error code when it cannot be read. */
async function readIfThere(path: string): Promise<string | { readonly code: string } | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? undefined : { code: String(error.code) }
  }
}

function unreadable(path: string, code: string): Finding {
  return warning(
    'file',
    `${path} cannot be read (${code})`,
    'run pnpm diagnose as the user that runs the service',
  )
}
