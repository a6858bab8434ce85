/** Runs the service as an operator does: as a separate process, over HTTP. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { nativeEnvironment, ORIGIN_ARGUMENTS } from '@media-proxy/scripts/origin-process.ts'
import { Agent, request } from 'undici'
import { scaleTimeout } from '../timeouts.ts'
import type { Sample } from './latency.ts'

export interface BenchService {
  readonly url: string
  readonly directory: string
  readonly pid: number
  /** The exit code, once it has ended. */
  readonly exited: Promise<number | null>
  put(key: string, bytes: Uint8Array | string): Promise<void>
  /** Returns the outcome of each request so far, from the log. Empty when logging is off. */
  outcomes(): readonly string[]
  close(): Promise<void>
}

/** Starts the origin on a new folder, without logging by default. `onLine` is called for every log line. */
export async function startService(
  settings: Readonly<Record<string, string>> = {},
  onLine: (line: string) => void = () => undefined,
): Promise<BenchService> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-bench-'))
  for (const bucket of ['cdn', 'uploads', 'static']) await mkdir(join(directory, bucket))
  const outcomes: string[] = []
  const { child, url } = await startProcess(ORIGIN_ARGUMENTS, {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_PORT: '0',
    MEDIA_PROXY_STORAGE_DIR: directory,
    MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'silent',
    MEDIA_PROXY_SECRET_KEY: 'bench-secret',
    MEDIA_PROXY_LIMITS_DEADLINE_MS: String(scaleTimeout(30_000)),
    ...settings,
  })
  const exited = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null)
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const outcome = /"outcome":"(\w+)"/.exec(line)?.[1]
      if (outcome !== undefined) outcomes.push(outcome)
      onLine(line)
    })
  }
  return {
    url,
    directory,
    pid: child.pid ?? 0,
    exited,
    outcomes: () => outcomes,
    async put(key, bytes) {
      const path = join(directory, key)
      await mkdir(dirname(path), { recursive: true })
      // A path instead of bytes is a file to copy, so that
      // half a gigabyte does not pass through this process.
      if (typeof bytes === 'string') await cp(bytes, path)
      else await writeFile(path, bytes)
    },
    async close() {
      child.kill('SIGTERM')
      await exited
      await rm(directory, { recursive: true })
    },
  }
}

/** Starts a Node process that sends `{ listening: port }` when it is ready. */
export async function startProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, args, {
    env: nativeEnvironment({ ...process.env, ...environment }),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const [message] = (await once(child, 'message')) as [{ readonly listening: number }]
  return { child, url: `http://127.0.0.1:${message.listening}` }
}

/**
 * Creates a client with persistent connections. `get` returns
 * the length of the body, and throws for any status but 200.
 */
export function createClient(connections: number) {
  const dispatcher = new Agent({ connections, pipelining: 1 })
  return {
    async get(url: string): Promise<number> {
      const { statusCode, body } = await request(url, { dispatcher })
      const bytes = await body.arrayBuffer()
      if (statusCode !== 200) throw new Error(`${statusCode} for ${url}: ${Buffer.from(bytes)}`)
      return bytes.byteLength
    },
    close: () => dispatcher.close(),
  }
}

/** More than the queue of the service, so that a rejection never waits for a connection. */
export const CONNECTIONS = 1024

/** Creates a client that accepts every response and measures its time. */
export function createTimedClient(base: string) {
  const dispatcher = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    headersTimeout: scaleTimeout(120_000),
  })
  return {
    async get(path: string): Promise<Sample> {
      const startedAt = performance.now()
      const { statusCode, body } = await request(base + path, { dispatcher })
      await body.arrayBuffer()
      return { status: statusCode, milliseconds: performance.now() - startedAt }
    },
    close: () => dispatcher.close(),
  }
}
