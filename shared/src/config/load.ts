/** Loads a configuration from its sources, or reports all of its faults at once. */

import * as z from 'zod'
import { presetFault } from '../request/preset-fault.ts'
import { configuredBuckets } from './buckets.ts'
import { awsSettings, FLUXER_CONFIG_VARIABLE, type InheritedSetting, inheritedSettings } from './inherited.ts'
import { nearestName } from './nearest.ts'
import { type Config, configSchema } from './schema.ts'
import { metaOf, type SettingMeta } from './settings.ts'

/** The prefix of the environment variables. */
export const VARIABLE_PREFIX = 'MEDIA_PROXY_'

/** The variable that contains the path of the JSON file. It is not a setting. */
export const CONFIG_FILE_VARIABLE = 'MEDIA_PROXY_CONFIG'

export type ServiceSide = 'edge' | 'origin'

export interface ConfigSources {
  /** The parsed content of the JSON file. */
  readonly json?: unknown
  /** The parsed file of `FLUXER_CONFIG`. Undefined when the variable contains JSON, which is parsed here. */
  readonly fluxerConfig?: unknown
  /** The environment variables, or the variables and secrets of the worker. */
  readonly environment: Readonly<Record<string, unknown>>
}

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      readonly warnings: readonly string[]
      /** Messages about settings that were found under the names of other programs. */
      readonly notices: readonly string[]
    }
  | { readonly ok: false; readonly faults: readonly string[] }

/** A setting with its path in the configuration, its variable, its descriptions and its default. */
export interface Setting {
  readonly path: readonly string[]
  readonly variable: string
  readonly meta: SettingMeta
  readonly defaultValue: unknown
}

/**
 * Loads a configuration. In order of increasing precedence, the values come from the defaults, the settings
 * of a Fluxer Media Proxy deployment, the JSON file and the environment. Every fault names its variable, the
 * value found (never a secret) and the accepted values.
 */
export function loadConfig(side: ServiceSide, sources: ConfigSources): LoadedConfig {
  const settings = listSettings()
  const input = isRecord(sources.json) ? structuredClone(sources.json) : {}
  const known = new Set(settings.map((setting) => setting.variable))
  for (const { path, variable } of settings) {
    const value = sources.environment[variable]
    // An empty variable counts as unset: a compose file passes unset variables on as empty ones.
    if (typeof value === 'string' && value !== '') assign(input, path, value)
  }
  const inherited = inherit(input, sources, settings)
  const faults = new Map<string, string>()
  if (sources.json !== undefined && !isRecord(sources.json)) {
    faults.set('json', 'the configuration file: accepted: a JSON object')
  }
  let parsed = configSchema.safeParse(input)
  for (const issue of parsed.error?.issues ?? []) {
    const fault = describeFault(issue, input, settings, inherited)
    if (!faults.has(fault.name)) faults.set(fault.name, fault.text)
  }
  // Rules about several settings are checked too. Faulty settings are left out.
  if (!parsed.success) parsed = configSchema.safeParse(without(input, parsed.error.issues))
  for (const fault of parsed.success ? crossSettingFaults(side, parsed.data, inherited) : []) {
    if (!faults.has(fault.name)) faults.set(fault.name, fault.text)
  }
  if (!parsed.success || faults.size > 0) return { ok: false, faults: [...faults.values()] }
  const warnings = Object.keys(sources.environment)
    .filter((name) => name.startsWith(VARIABLE_PREFIX) && name !== CONFIG_FILE_VARIABLE && !known.has(name))
    .map((name) => {
      const nearest = nearestName(name, known)
      return `${name}: no such setting, ignored${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
    })
    .concat([...known].flatMap((name) => warnOfQuotes(name, sources.environment[name])))
  const notices = inherited.map(({ path, from }) => `${variableOf(path)} is not set; using ${from}`)
  return { ok: true, config: parsed.data, warnings, notices }
}

/**
 * Warns about quotes or a comment in a value. A shell removes them, but the environment files of systemd and
 * Docker keep some of them, and a secret that contains them is a different secret. The warning does not show
 * the value.
 */
function warnOfQuotes(name: string, value: unknown): string[] {
  if (typeof value !== 'string') return []
  if (/\s#/.test(value))
    return [`${name}: the # in its value does not begin a comment: it is part of the value`]
  return /^(["']).*\1$/s.test(value) ? [`${name}: the quotes around its value belong to it`] : []
}

/** Adds missing settings that have a value under another program's name, and returns the added ones. */
function inherit(
  input: Record<string, unknown>,
  { environment, fluxerConfig }: ConfigSources,
  settings: readonly Setting[],
): readonly InheritedSetting[] {
  const taken: InheritedSetting[] = []
  const take = (found: InheritedSetting) => {
    const known = settings.some(({ path }) => path.join('.') === found.path.join('.'))
    if (!known || valueAt(input, found.path) !== undefined) return
    assign(input, found.path, found.value)
    taken.push(found)
  }
  const inline = environment[FLUXER_CONFIG_VARIABLE]
  const given = fluxerConfig ?? (typeof inline === 'string' ? parseInline(inline) : undefined)
  for (const found of inheritedSettings(environment, given)) take(found)
  const aws = awsSettings(environment)
  const [endpoints, others] = [
    aws.filter(({ path }) => path.at(-1) === 'endpoint'),
    aws.filter(({ path }) => path.at(-1) !== 'endpoint'),
  ]
  if (valueAt(input, ['storage']) === 's3') for (const found of endpoints) take(found)
  if (valueAt(input, ['storage']) !== 's3' && valueAt(input, ['s3', 'endpoint']) === undefined) return taken
  // A key id, its secret and its token belong together, so none of them is combined with a configured key.
  const hasKey = valueAt(input, ['s3', 'accessKeyId']) !== undefined
  for (const found of others) if (!hasKey || found.path.at(-1) === 'region') take(found)
  return taken
}

/** Parses `FLUXER_CONFIG` if it is JSON. Undefined for a path, which only callers with files can read. */
function parseInline(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Returns every setting of the schema, in order. */
export function listSettings(): readonly Setting[] {
  return walk(configSchema, [])
}

/** Returns the environment variable of a setting: `MEDIA_PROXY_S3_BUCKET_CDN` for `s3.bucketCdn`. */
export function variableOf(path: readonly string[]): string {
  const words = path.map((key) =>
    // The variables of `rateLimitConfig` start with `RATE_LIMIT`, without `CONFIG`.
    key === 'rateLimitConfig' ? 'RATE_LIMIT' : key.replace(/[A-Z]/g, '_$&').toUpperCase(),
  )
  return VARIABLE_PREFIX + words.join('_')
}

function walk(schema: z.ZodType, path: readonly string[]): Setting[] {
  const meta = metaOf(schema)
  if (meta !== undefined) {
    const absent = schema.safeParse(undefined)
    return [
      { path, variable: variableOf(path), meta, defaultValue: absent.success ? absent.data : undefined },
    ]
  }
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema
  if (!(inner instanceof z.ZodObject))
    throw new TypeError(`${path.join('.')} is neither a setting nor a group`)
  return Object.entries(inner.shape).flatMap(([key, child]) => walk(child as z.ZodType, [...path, key]))
}

/** Returns the faults that only several settings together have. */
function crossSettingFaults(
  side: ServiceSide,
  config: Config,
  inherited: readonly InheritedSetting[],
): Fault[] {
  const faults: Fault[] = []
  const require = (present: boolean, path: readonly string[], why: string) => {
    const name = variableOf(path)
    if (!present) faults.push({ name, text: `${name}: found nothing; ${why}` })
  }
  const production = config.nodeEnv === 'production'
  if (production && !config.staticMode) {
    require(config.secretKey.length > 0, ['secretKey'], 'required in production')
    // The origin works without the edge worker. A deployment of the Fluxer Media Proxy has no worker in front
    // of it, so an inherited requireCloudflareEdge does not require the worker's key.
    const gated =
      config.requireCloudflareEdge && !inherited.some(({ path }) => path[0] === 'requireCloudflareEdge')
    const why =
      side === 'edge'
        ? 'required in production'
        : 'required in production where requireCloudflareEdge is true'
    if (side === 'edge' || gated) require(config.edgeSecretKey.length > 0, ['edgeSecretKey'], why)
  }
  if (config.attachmentSignatures !== 'off' && !config.staticMode) {
    const why = `required where attachmentSignatures is ${config.attachmentSignatures}`
    require(config.attachmentSecrets.length > 0, ['attachmentSecrets'], why)
  }
  const { onServe, enabled } = config.nsfw
  if (onServe !== 'off' && !enabled && !config.staticMode) {
    const name = variableOf(['nsfw', 'onServe'])
    faults.push({ name, text: `${name}: found ${onServe}; nothing is flagged where nsfw.enabled is false` })
  }
  for (const [name, query] of Object.entries(config.presets)) {
    const fault = presetFault(query)
    const variable = variableOf(['presets'])
    // Each faulty preset is a separate fault.
    if (fault !== undefined)
      faults.push({ name: `${variable} ${name}`, text: `${variable}: ${name}: ${fault}` })
  }
  if (side === 'edge' && config.presetsOnly && !config.staticMode) {
    const why =
      'required where presetsOnly is true: the origin takes only from its edge what presets stand for'
    require(config.edgeSecretKey.length > 0, ['edgeSecretKey'], why)
  }
  if (side === 'edge' && !config.staticMode)
    require(config.originUrl !== undefined, ['originUrl'], 'required at the edge')
  return storageOf(config) === 's3' ? [...faults, ...storeFaults(side, config)] : faults
}

function storeFaults(side: ServiceSide, { s3, staticMode }: Config): readonly Fault[] {
  const { endpoint, accessKeyId, secretAccessKey, sessionToken, credentials } = s3
  const missing = (path: readonly string[], why: string): Fault => {
    const name = variableOf(path)
    return { name, text: `${name}: found nothing; ${why}` }
  }
  const faults: Fault[] = []
  if (side === 'origin' && endpoint === undefined) {
    faults.push(missing(['s3', 'endpoint'], 'required for the s3 store'))
  }
  const keyed = accessKeyId !== undefined || secretAccessKey !== undefined || sessionToken !== undefined
  if (keyed || (side === 'origin' && credentials === 'settings')) {
    const why = keyed
      ? 'the access key id and the secret belong together'
      : 'required for the s3 store, unless MEDIA_PROXY_S3_CREDENTIALS is chain'
    if (accessKeyId === undefined) faults.push(missing(['s3', 'accessKeyId'], why))
    if (secretAccessKey === undefined) faults.push(missing(['s3', 'secretAccessKey'], why))
  }
  const endpoints = new Map<string, string>()
  for (const { name, bucket, endpoint: at = '' } of configuredBuckets({ s3, staticMode })) {
    if ((endpoints.get(bucket) ?? at) !== at) {
      const variable = variableOf(['s3', name])
      faults.push({
        name: variable,
        text: `${variable}: the bucket ${bucket} is also configured at another endpoint`,
      })
    }
    endpoints.set(bucket, at)
  }
  return faults
}

/** Returns the store that a configuration selects. */
export function storageOf(config: Config): 's3' | 'filesystem' {
  if (config.storage !== 'auto') return config.storage
  return config.s3.endpoint === undefined ? 'filesystem' : 's3'
}

interface Fault {
  readonly name: string
  readonly text: string
}

function describeFault(
  issue: z.core.$ZodIssue,
  input: unknown,
  settings: readonly Setting[],
  inherited: readonly InheritedSetting[],
): Fault {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const name = [...path, issue.keys.join(', ')].join('.')
    return { name, text: `${name}: no such setting in the configuration file` }
  }
  const setting = settings.find((candidate) => candidate.path.every((key, index) => key === path[index]))
  const found =
    setting?.meta.secret === true
      ? 'a value that is not shown'
      : format(valueAt(input, setting?.path ?? path))
  const name = setting?.variable ?? path.join('.')
  const from = inherited.find(({ path: taken }) => taken.join('.') === setting?.path.join('.'))?.from
  const where = from === undefined ? '' : ` in ${from}`
  return {
    name,
    text: `${name}: found ${found}${where}; accepted: ${setting?.meta.accepts ?? issue.message}`,
  }
}

/** Returns the input without the values that have issues. */
function without(input: Record<string, unknown>, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(input)
  for (const issue of issues) {
    const paths =
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path]
    for (const path of paths) remove(copy, path.map(String))
  }
  return copy
}

function remove(root: unknown, [key, ...rest]: readonly string[]): void {
  if (key === undefined || !isRecord(root)) return
  // A fault inside a list removes the whole list.
  if (rest.length === 0 || !isRecord(root[key])) delete root[key]
  else remove(root[key], rest)
}

function format(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? typeof value
  // The part of a URL before an @ may contain a password.
  return text.replace(/\/\/[^/?#"]*@/g, '//…@').slice(0, 200)
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), root)
}

function assign(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path
  if (key === undefined) return
  if (rest.length === 0) {
    root[key] = value
    return
  }
  const child = root[key]
  const next = isRecord(child) ? child : {}
  root[key] = next
  assign(next, rest, value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
