/**
 * The edge of `pnpm start`: the real worker in the real runtime, run by Miniflare directly. The development
 * server of wrangler would add a proxy, a watcher and a second runtime in front of it: three times the
 * memory, ten times the cost of a cache hit.
 *
 * Started with an IPC channel to its parent. The first message contains the settings of the worker. The reply
 * is the port that it listens on.
 */

import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { build, stop as stopBundler } from 'esbuild'
import { Miniflare } from 'miniflare'
import { ROOT } from './origin-process.ts'

/** The message from the parent process. */
export interface EdgeSettings {
  readonly host: string
  readonly port: number
  /** The variables and secrets of the worker. */
  readonly bindings: Readonly<Record<string, string>>
}

/** The latest date that the runtime of Miniflare supports. The worker uses nothing newer. */
const COMPATIBILITY_DATE = '2026-07-01'
const RESTART_MS = 500

const [settings] = (await once(process, 'message')) as [EdgeSettings]
const script = await bundle()
let stopping = false
let edge = open(settings.port)
const url = await edge.ready
process.send?.({ listening: Number(url.port) })

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
process.once('disconnect', () => void stop())

async function stop(): Promise<void> {
  stopping = true
  await edge.dispose()
  process.exit(0)
}

/** Bundles the worker into one file, as a deployment does. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'edge-worker/src/worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    logLevel: 'error',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
  })
  await stopBundler()
  return outputFiles[0]?.text ?? ''
}

function open(port: number): Miniflare {
  return new Miniflare({
    modulesRoot: '.',
    modules: [{ type: 'ESModule' as const, path: 'worker.js', contents: script }],
    host: settings.host,
    port,
    cf: false as const,
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ['nodejs_compat'],
    bindings: { ...settings.bindings },
    durableObjects: {
      FLIGHTS: { className: 'FlightCoordinator', useSQLite: true },
      LEDGERS: { className: 'AttemptLedger', useSQLite: true },
      PURGES: { className: 'PurgeLog', useSQLite: true },
    },
    handleRuntimeStdio(output: Readable, errors: Readable) {
      show(output)
      show(errors)
      // The output of the runtime closes when it ends.
      output.once('close', () => void restart())
    },
  })
}

/** Shows only errors and warnings. One line per request is useful only in production. */
function show(stream: Readable): void {
  createInterface({ input: stream }).on('line', (line) => {
    if (/error|warn|exception|fault/i.test(line)) console.error(line)
  })
}

/** Restarts a runtime that ended unexpectedly, on the same port. */
async function restart(): Promise<void> {
  if (stopping) return
  console.error('the runtime of the edge ended unexpectedly; it is started again')
  const { port } = url
  await edge.dispose().catch(() => {
    // The runtime has ended already.
  })
  await new Promise((resolve) => setTimeout(resolve, RESTART_MS))
  if (stopping) return
  edge = open(Number(port))
  await edge.ready.catch((error: unknown) => {
    console.error(`the edge cannot be started again: ${String(error)}`)
    process.exit(1)
  })
}
