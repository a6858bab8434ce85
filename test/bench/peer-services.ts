/**
 * The services of the comparison: this one, those that are
 * installed for it, and those that are running already.
 */

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
  /** The name of the source below the folder. */
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
/** Services that are installed for the comparison are kept for the next run. */
const INSTALLED = join(import.meta.dirname, '../../node_modules/.cache/media-proxy/peers')
const START_MS = 60_000

/** Opens this service on the common folder. `quality` is `render.quality`. */
export async function openOurs(folder: string, quality: 'fine' | 'fast'): Promise<PeerService> {
  const service = await startService({
    MEDIA_PROXY_STORAGE_DIR: folder,
    MEDIA_PROXY_RENDER_QUALITY: quality,
    MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info',
  })
  return {
    name: `this service, ${quality}`,
    pid: service.pid,
    // Its default quality, which is one scale for all formats.
    urlOf: ({ file, width, format }) =>
      `${service.url}/attachments/1/${file}?width=${width}&format=${format}&animated=true`,
    close: () => service.close(),
  }
}

/** Opens ipx, a server based on Sharp. */
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

/** Opens thumbor, a server based on Pillow, with as many processes as there are cores. */
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
  const args = ['--port', String(port), '--ip', '127.0.0.1', '--conf', configuration, '--processes', '2']
  const child = spawn(program, args, { stdio: 'ignore', detached: true })
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
 * Uses a service that is running already, with a URL template that contains `{file}` (below the common
 * folder), `{width}`, `{format}` and `{quality}`. Throws when nothing listens there.
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
  // A starting service accepts no connections yet. The signal limits the wait.
  while ((await fetch(url, { signal }).catch(() => undefined))?.ok !== true) {
    signal.throwIfAborted()
    await setTimeout(100)
  }
}

/** Ends a service with its process group, because its processes do not end with the first one. */
async function ended(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  process.kill(-child.pid, 'SIGTERM')
  await once(child, 'exit')
}

/** Returns the id of the process that listens on a port, on Linux. */
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
