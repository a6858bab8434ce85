/** `pnpm start`: starts the whole stack on this machine, the edge in front of the origin, with samples. */

import './no-arguments.ts'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { loadOriginConfig } from '@media-proxy/origin/config.ts'
import { createAttachmentUrls, createMediaUrls } from '@media-proxy/shared/client/index.ts'
import { listSettings } from '@media-proxy/shared/config/load.ts'
import { createChildren } from './children.ts'
import './compile-ahead.ts'
import type { EdgeSettings } from './edge-process.ts'
import { localPublicUrls } from './local-public-urls.ts'
import { localSecrets } from './local-secrets.ts'
import { nativeEnvironment, ORIGIN_ARGUMENTS, ROOT } from './origin-process.ts'
import { SAMPLE_KEYS, writeSamples } from './samples.ts'

const loaded = loadOriginConfig(process.env)
if (!loaded.ok) {
  for (const fault of loaded.faults) console.error(fault)
  process.exit(1)
}
const { config } = loaded
const directory = resolve(ROOT, config.storageDir)
const edgePort = process.env.EDGE_PORT ?? '8787'

const children = createChildren((name, code) => {
  console.error(
    `The ${name} ended unexpectedly (exit code ${code}), so the rest is stopped. What it said stands above; ` +
      'pnpm diagnose looks at ports, store, secrets and tools and says what to do.',
  )
  void children.stop().then(() => process.exit(1))
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void children.stop().then(() => process.exit(0)))
}

console.log(`samples in ${directory} …`)
await writeSamples(directory)
const secrets = await localSecrets(directory, config)
const publicUrl = {
  MEDIA_PROXY_PUBLIC_URL: config.publicUrl.join(',') || localPublicUrls([edgePort, String(config.port)]),
}
console.log('starting the origin …')
const originUrl = await startOrigin()
console.log('starting the edge …')
const edgeUrl = await startEdge(originUrl)
console.log(`ready  edge ${edgeUrl}  origin ${originUrl}`)
console.log(`playground  ${edgeUrl}/_playground`)
console.log('try:')
console.log(`  curl -o avatar.webp '${edgeUrl}/${SAMPLE_KEYS.avatar}.webp?size=64'`)
console.log(`  curl -o photo.avif '${await photoUrl(edgeUrl)}'`)
console.log(
  `  curl -sI '${edgeUrl}/${SAMPLE_KEYS.animatedAvatar.replace(/\/(?=[^/]+$)/, '/a_')}.gif?size=96'`,
)

/** Returns the URL of the sample photo, signed when attachments have to be. */
function photoUrl(baseUrl: string): Promise<string> | string {
  const path = SAMPLE_KEYS.photo.replace(/^attachments\//, '')
  const parameters = { width: 400, format: 'avif' } as const
  const [secret] = config.attachmentSecrets
  return config.attachmentSignatures === 'enforce' && secret !== undefined
    ? createAttachmentUrls({ baseUrl, secret }).sign(path, parameters)
    : createMediaUrls(baseUrl).attachment(path, parameters)
}

async function startOrigin(): Promise<string> {
  const origin = children.start('origin', process.execPath, ORIGIN_ARGUMENTS, {
    cwd: ROOT,
    env: nativeEnvironment({ ...process.env, ...secrets, ...publicUrl, MEDIA_PROXY_STORAGE_DIR: directory }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [message] = (await once(origin, 'message')) as [{ readonly listening: number }]
  return `http://127.0.0.1:${message.listening}`
}

/**
 * Starts the edge. The variables and secrets of the worker are
 * stored in the data folder, where pnpm diagnose compares them.
 */
async function startEdge(originUrl: string): Promise<string> {
  const state = join(directory, 'edge')
  await mkdir(state, { recursive: true })
  const bindings = {
    ...workerSettings(),
    ...secrets,
    ...publicUrl,
    MEDIA_PROXY_ORIGIN_URL: originUrl,
  }
  const lines = Object.entries(bindings).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
  await writeFile(join(state, 'variables'), lines.join(''), { mode: 0o600 })
  const edge = children.start('edge', process.execPath, [join(ROOT, 'scripts/edge-process.ts')], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const settings: EdgeSettings = { host: '127.0.0.1', port: Number(edgePort), bindings }
  edge.send(settings)
  const [message] = (await once(edge, 'message')) as [{ readonly listening: number }]
  return `http://127.0.0.1:${message.listening}`
}

/** Returns the settings of the service as variables for the worker, which reads no files. */
function workerSettings(): Record<string, string> {
  const given = listSettings().flatMap(({ path, variable, defaultValue }) => {
    const value = path.reduce<unknown>(
      (found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined),
      config,
    )
    const isDefault = value === undefined || JSON.stringify(value) === JSON.stringify(defaultValue)
    return isDefault ? [] : [[variable, asVariable(value)]]
  })
  return Object.fromEntries(given)
}

/** Formats a setting as a variable: lists with commas, named queries as `name:query;name:query`. */
function asVariable(value: unknown): string {
  if (Array.isArray(value)) return value.join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, query]) => `${name}:${query}`)
    .join(';')
}
