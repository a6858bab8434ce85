/** The services of the comparison: ours, those that are installed for it, and those that run already. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { PeerFormat } from './peer-cells.ts'
import { startService } from './service.ts'

export interface PeerQuestion {
  /** Name of the source below the folder. */
  readonly file: string
  readonly width: number
  readonly format: PeerFormat
  readonly quality: number
}

export interface PeerService {
  readonly name: string
  readonly pid: number
  urlOf(question: PeerQuestion): string
  close(): Promise<void>
}

const run = promisify(execFile)
/** What is installed for the comparison stays there for the next one. */
const INSTALLED = join(import.meta.dirname, '../../node_modules/.cache/media-proxy/peers')
const START_MS = 60_000

/** Ours, in front of the folder of all; `quality` is `render.quality`. */
export async function openOurs(folder: string, quality: 'fine' | 'fast'): Promise<PeerService> {
  const service = await startService({
    MEDIA_PROXY_STORAGE_DIR: folder,
    MEDIA_PROXY_RENDER_QUALITY: quality,
    MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info',
  })
  return {
    name: `this service, ${quality}`,
    pid: service.pid,
    // Its usual quality, which is one scale for all formats.
    urlOf: ({ file, width, format }) =>
      `${service.url}/attachments/1/${file}?width=${width}&format=${format}&animated=true`,
    close: () => service.close(),
  }
}

/** Sharp behind a server, of the package of that name. */
export async function openIpx(folder: string): Promise<PeerService> {
  const home = join(INSTALLED, 'ipx')
  if (!existsSync(join(home, 'node_modules/ipx'))) {
    await mkdir(home, { recursive: true })
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', home, 'ipx'])
  }
  const { version } = JSON.parse(await readFile(join(home, 'node_modules/ipx/package.json'), 'utf8'))
  const script = join(home, 'serve.mjs')
  await writeFile(
    script,
    `import { createServer } from 'node:http'
import { createIPX, createIPXNodeServer, ipxFSStorage } from 'ipx'
const ipx = createIPX({ storage: ipxFSStorage({ dir: process.argv[2] }) })
const server = createServer(createIPXNodeServer(ipx)).listen(0, '127.0.0.1', () => console.log(server.address().port))
`,
  )
  const child = spawn(process.execPath, [script, folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const url = `http://127.0.0.1:${Number(String(line))}`
  return {
    name: `ipx ${version}`,
    pid: child.pid ?? 0,
    urlOf: ({ file, width, format, quality }) =>
      `${url}/w_${width},f_${format},q_${quality},animated/${file}`,
    close: () => ended(child),
  }
}

/** Pillow behind a server of as many processes as there are cores, of the package of that name. */
export async function openThumbor(folder: string, port: number): Promise<PeerService> {
  const home = join(INSTALLED, 'thumbor')
  const program = join(home, 'bin/thumbor')
  if (!existsSync(program)) {
    await run('python3', ['-m', 'venv', home])
    await run(join(home, 'bin/pip'), ['install', '--quiet', 'thumbor'])
  }
  const { stdout, stderr } = await run(program, ['--version'])
  const configuration = join(home, 'thumbor.conf')
  await writeFile(
    configuration,
    `LOADER = 'thumbor.loaders.file_loader'
FILE_LOADER_ROOT_PATH = ${JSON.stringify(folder)}
ALLOW_UNSAFE_URL = True
STORAGE = 'thumbor.storages.no_storage'
`,
  )
  const words = ['--port', String(port), '--ip', '127.0.0.1', '--conf', configuration, '--processes', '2']
  const child = spawn(program, words, { stdio: 'ignore', detached: true })
  const url = `http://127.0.0.1:${port}`
  await answering(`${url}/healthcheck`)
  return {
    name: `thumbor ${/[\d.]+/.exec(stdout + stderr)?.[0]}`,
    pid: child.pid ?? 0,
    urlOf: ({ file, width, format, quality }) =>
      `${url}/unsafe/${width}x0/filters:format(${format}):quality(${quality})/${file}`,
    close: () => ended(child),
  }
}

/**
 * One that runs already, by what stands in its URLs: `{file}` (below the folder of all), `{width}`, `{format}` and
 * `{quality}`. Throws where nobody listens there.
 */
export async function openRunning(name: string, template: string): Promise<PeerService> {
  const { port } = new URL(template)
  return {
    name,
    pid: await listenerOn(Number(port)),
    urlOf: (question) =>
      template.replace(/\{(file|width|format|quality)\}/g, (_, key) =>
        String(question[key as keyof PeerQuestion]),
      ),
    close: async () => undefined,
  }
}

async function answering(url: string): Promise<void> {
  const signal = AbortSignal.timeout(START_MS)
  // A service that starts refuses connections; how long that may last is what the signal says.
  while ((await fetch(url, { signal }).catch(() => undefined))?.ok !== true) {
    signal.throwIfAborted()
    await setTimeout(100)
  }
}

/** Ends a service with its whole group: its processes do not end with the first of them. */
async function ended(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  process.kill(-child.pid, 'SIGTERM')
  await once(child, 'exit')
}

/** The process that listens on a port of this machine, as Linux tells it. */
async function listenerOn(port: number): Promise<number> {
  const sockets = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8').catch(() => '')).split('\n')) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === LISTENS && Number.parseInt(local.split(':')[1] ?? '', 16) === port)
        sockets.add(`socket:[${inode}]`)
    }
  }
  for (const pid of (await readdir('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b))) {
    for (const file of await readdir(`/proc/${pid}/fd`).catch(() => []))
      if (sockets.has(await readlink(`/proc/${pid}/fd/${file}`).catch(() => ''))) return Number(pid)
  }
  throw new Error(`nobody listens on port ${port}`)
}

/** `TCP_LISTEN` of the kernel. */
const LISTENS = '0A'
