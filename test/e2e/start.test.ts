/** `pnpm start` as a user runs it: one ready line, samples, streams of any size, and a clean end. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { until } from '../until.ts'

interface Stack {
  readonly child: ChildProcess
  readonly edge: string
  readonly origin: string
  readonly directory: string
  readonly tries: readonly string[]
}

const ROOT = join(import.meta.dirname, '../..')
const MIB = 1024 * 1024

async function startStack(directory: string): Promise<Stack> {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/start.ts')], {
    env: {
      ...process.env,
      EDGE_PORT: '0',
      MEDIA_PROXY_PORT: '0',
      MEDIA_PROXY_STORAGE_DIR: directory,
      MEDIA_PROXY_PRESETS: 'thumb:width=40&format=webp;large:width=80',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const tries: string[] = []
  let urls: RegExpExecArray | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    urls ??= /^ready {2}edge (\S+) {2}origin (\S+)$/.exec(line) ?? undefined
    if (line.startsWith('  curl ')) tries.push(line.trim())
    if (tries.length === 3) break
  }
  child.stdout.resume()
  return { child, edge: urls?.[1] ?? '', origin: urls?.[2] ?? '', directory, tries }
}

async function stopStack({ child, directory }: Stack, signal: NodeJS.Signals): Promise<number | null> {
  const family = await descendants(child.pid ?? 0)
  child.kill(signal)
  const [code] = await once(child, 'exit')
  expect((await Promise.all(family.map(isRunning))).filter(Boolean), 'processes left behind').toEqual([])
  await rm(directory, { recursive: true })
  return code
}

describe('pnpm start', () => {
  let stack: Stack
  let directory: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-start-'))
    await mkdir(join(directory, 'cdn/themes'), { recursive: true })
    await writeFile(join(directory, 'cdn/themes/00c0ffee00c0ffee.css'), 'body { color: mine }')
    stack = await startStack(directory)
  })
  afterAll(async () => {
    expect(await stopStack(stack, 'SIGTERM')).toBe(0)
  })

  it('prints two URLs and three working example commands when it is ready', async () => {
    expect(stack.edge).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(stack.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    for (const line of stack.tries) {
      const url = /'(http[^']+)'/.exec(line)?.[1] ?? ''
      expect((await fetch(url)).status).toBe(200)
    }
  })

  it('serves the same samples at the edge and the origin, byte for byte', async () => {
    for (const path of ['/avatars/1/5a6d0c1e.webp?size=64', '/attachments/1/1/harbour.jpg?width=400']) {
      const [edge, origin] = await Promise.all([send(stack.edge, path), send(stack.origin, path)])
      expect(edge.status).toBe(200)
      expect(edge.body.equals(origin.body)).toBe(true)
    }
    const { width, height } = await sharp(
      (await send(stack.edge, '/attachments/1/1/harbour.jpg?width=400')).body,
    ).metadata()
    expect([width, height]).toEqual([400, 300])
  })

  it('passes its settings to both, including presets', async () => {
    for (const service of [stack.edge, stack.origin]) {
      const { status, body } = await send(service, '/attachments/1/1/harbour.jpg?preset=thumb')
      expect([status, (await sharp(body).metadata()).width]).toEqual([200, 40])
    }
  })

  it('does not overwrite existing files', async () => {
    expect((await send(stack.edge, '/themes/00c0ffee00c0ffee.css')).body.toString()).toBe(
      'body { color: mine }',
    )
  })

  it('makes its secrets readable only by their owner', async () => {
    const file = await open(join(directory, 'secrets.json'))
    expect((await file.stat()).mode & 0o077).toBe(0)
    await file.close()
  })

  it('streams 500 MiB through the edge and the origin without buffering it', async () => {
    const path = join(directory, 'cdn/attachments/1/large.bin')
    await mkdir(join(path, '..'), { recursive: true })
    const file = await open(path, 'w')
    await file.truncate(500 * MIB)
    await file.write('!', 500 * MIB - 1)
    await file.close()
    for (const service of [stack.origin, stack.edge]) {
      await send(service, '/_health')
      const family = await withoutEngine(await descendants(stack.child.pid ?? 0))
      const before = await memoryOf(family)
      let peak = 0
      let bytes = 0
      const response = await fetch(`${service}/attachments/1/large.bin`)
      for await (const chunk of response.body ?? []) {
        const seen = bytes
        bytes += chunk.length
        if (Math.floor(seen / (20 * MIB)) !== Math.floor(bytes / (20 * MIB)))
          peak = Math.max(peak, await memoryOf(family))
      }
      expect(bytes).toBe(500 * MIB)
      expect((peak - before) / MIB, service).toBeLessThan(64)
      const last = await send(service, '/attachments/1/large.bin', { headers: { range: 'bytes=-1' } })
      expect([last.status, last.body.toString()]).toEqual([206, '!'])
    }
  })

  it('restarts the runtime of the edge when it exits', async () => {
    const family = await descendants(stack.child.pid ?? 0)
    const runtimes = (
      await Promise.all(family.map(async (pid) => [pid, await commandOf(pid)] as const))
    ).filter(([, command]) => command.includes('workerd') && !command.includes('node_modules/node/'))
    expect(runtimes).toHaveLength(1)
    process.kill(runtimes[0]?.[0] ?? 0, 'SIGKILL')
    await until(async () => (await send(stack.edge, '/_health').catch(() => undefined))?.status !== 200)
    await until(async () => (await send(stack.edge, '/_health').catch(() => undefined))?.status === 200)
    expect((await send(stack.edge, '/avatars/1/5a6d0c1e.webp?size=64')).status).toBe(200)
  })

  it('uses little memory for the edge', async () => {
    const family = await descendants(stack.child.pid ?? 0)
    const commands = await Promise.all(family.map(async (pid) => [pid, await commandOf(pid)] as const))
    const edge = commands
      .filter(([, command]) => /edge-process|workerd-linux/.test(command))
      .map(([pid]) => pid)
    expect((await memoryOf(edge)) / MIB).toBeLessThan(500)
  })

  it('runs next to another stack, which ends by SIGINT during a request', async () => {
    const other = await startStack(await mkdtemp(join(tmpdir(), 'media-proxy-start-')))
    await until(async () => (await send(other.edge, '/_ready')).body.toString() === 'OK')
    const { headers } = await send(other.edge, '/avatars/1/5a6d0c1e.webp?size=64')
    expect(headers['x-cache'], 'a cache of its own').toBe('MISS')
    const running = fetch(`${other.origin}/attachments/1/1/harbour.jpg?width=1600&format=avif`).then(
      (response) => response.arrayBuffer(),
      (error: unknown) => error,
    )
    expect(await stopStack(other, 'SIGINT')).toBe(0)
    await running
  })
})

/** Returns all descendants of a process, on Linux. */
async function descendants(pid: number): Promise<readonly number[]> {
  const parents = new Map<number, number>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = await parentOf(Number(entry))
    if (parent !== undefined) parents.set(Number(entry), parent)
  }
  const family = [pid]
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child)
  }
  return family
}

async function parentOf(pid: number): Promise<number | undefined> {
  const status = await statusOf(pid)
  return status === undefined ? undefined : Number(/^PPid:\s+(\d+)/m.exec(status)?.[1])
}

async function isRunning(pid: number): Promise<boolean> {
  const status = await statusOf(pid)
  return status !== undefined && !/^State:\s+Z/m.test(status)
}

/**
 * Returns the resident bytes that belong to these processes
 * alone (their files in the page cache do not count).
 */
async function memoryOf(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(
    pids.map(async (pid) => Number(/^RssAnon:\s+(\d+)/m.exec((await statusOf(pid)) ?? '')?.[1] ?? 0)),
  )
  return each.reduce((sum, kibibytes) => sum + kibibytes * 1024, 0)
}

/** Returns the processes that are not of the engine. Those of the engine grow while they start. */
async function withoutEngine(pids: readonly number[]): Promise<readonly number[]> {
  const commands = await Promise.all(pids.map(async (pid) => [pid, await commandOf(pid)] as const))
  return commands
    .filter(([, command]) => !/media-proxy engine|engine\/process/.test(command))
    .map(([pid]) => pid)
}

async function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
}

async function statusOf(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/status`, 'utf8')
  } catch {
    // The process ended in the meantime.
    return undefined
  }
}
