/** `pnpm start`: the whole stack on this machine, edge in front of origin, with samples to look at. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { loadOriginConfig } from '@media-proxy/origin/config.ts'
import { FLUXER_CONFIG_VARIABLE } from '@media-proxy/shared/config/inherited.ts'
import { createChildren } from './children.ts'
import './compile-ahead.ts'
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
console.log(`  curl -o photo.avif '${edgeUrl}/${SAMPLE_KEYS.photo}?width=400&format=avif'`)
console.log(
  `  curl -sI '${edgeUrl}/${SAMPLE_KEYS.animatedAvatar.replace(/\/(?=[^/]+$)/, '/a_')}.gif?size=96'`,
)

async function startOrigin(): Promise<string> {
  const origin = children.start('origin', process.execPath, ORIGIN_ARGUMENTS, {
    cwd: ROOT,
    env: nativeEnvironment({ ...process.env, ...secrets, ...publicUrl, MEDIA_PROXY_STORAGE_DIR: directory }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [message] = (await once(origin, 'message')) as [{ readonly listening: number }]
  return `http://127.0.0.1:${message.listening}`
}

/** Wrangler runs the real worker in the real runtime; its state lives beside the objects. */
async function startEdge(origin: string): Promise<string> {
  const state = join(directory, 'edge')
  await mkdir(state, { recursive: true })
  const variables = join(state, 'variables')
  const settings = {
    ...workerSettings(process.env),
    ...secrets,
    ...publicUrl,
    MEDIA_PROXY_ORIGIN_URL: origin,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
  await writeFile(variables, lines.join(''), { mode: 0o600 })

  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
  const edge = children.start(
    'edge',
    process.execPath,
    [
      ...[wrangler, 'dev', '--ip', '127.0.0.1', '--port', edgePort, '--inspector-port', '0'],
      ...[
        '--persist-to',
        state,
        '--env-file',
        variables,
        '--show-interactive-dev-session=false',
        '--log-level',
        'log',
      ],
    ],
    {
      cwd: ROOT,
      env: { ...process.env, ...keptToItself(state) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  return readyUrl(edge.stdout)
}

/** Wrangler reports to nobody, asks no registry for a newer one, and keeps what it notes in the data folder. */
function keptToItself(state: string): NodeJS.ProcessEnv {
  return {
    CI: '1',
    WRANGLER_SEND_METRICS: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    // The banner is what asks.
    WRANGLER_HIDE_BANNER: 'true',
    XDG_CONFIG_HOME: join(state, 'config'),
  }
}

/** Settings of the service that were given to this process count for the worker too, which reads no files. */
function workerSettings(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const own = Object.entries(environment).filter(([name]) => /^(MEDIA_PROXY_|FLUXER_)/.test(name))
  const path = environment[FLUXER_CONFIG_VARIABLE]
  const inline = path === undefined || path.trimStart().startsWith('{') ? path : readFileSync(path, 'utf8')
  return { ...Object.fromEntries(own), ...(inline === undefined ? {} : { [FLUXER_CONFIG_VARIABLE]: inline }) }
}

async function readyUrl(output: Readable | null): Promise<string> {
  if (output === null) throw new Error('the edge has no standard output')
  const lines = createInterface({ input: output })
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      const url = /Ready on (http:\S+)/.exec(line)?.[1]
      if (url !== undefined) resolve(url)
      else if (/error|warn/i.test(line)) console.error(line)
    })
  })
}
