/**
 * The edge of `pnpm start`: the real worker in the real runtime, by Miniflare itself. wrangler's development server would put
 * a proxy, a watcher and a second runtime before it: three times the memory, ten times the cost of a hit.
 *
 * Started with a channel to its parent; its first message is the settings of the worker, its answer where it listens.
 */

import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { build, stop as stopBundler } from 'esbuild'
import { Miniflare } from 'miniflare'
import { ROOT } from './origin-process.ts'

/** What the parent says. */
export interface EdgeSettings {
  readonly host: string
  readonly port: number
  /** Variables and secrets of the worker. */
  readonly bindings: Readonly<Record<string, string>>
}

/** Miniflare's runtime knows no later date; nothing that came since is used. */
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

/** One file, as a deployment uploads it. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'edge-worker/src/worker.ts')],
    ...{ bundle: true, write: false, format: 'esm', target: 'es2024', logLevel: 'error' },
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
  })
  await stopBundler()
  return outputFiles[0]?.text ?? ''
}

function open(port: number): Miniflare {
  return new Miniflare({
    ...{ modulesRoot: '.', modules: [{ type: 'ESModule' as const, path: 'worker.js', contents: script }] },
    ...{ host: settings.host, port, cf: false as const },
    ...{ compatibilityDate: COMPATIBILITY_DATE, compatibilityFlags: ['nodejs_compat'] },
    bindings: { ...settings.bindings },
    durableObjects: {
      FLIGHTS: { className: 'FlightCoordinator', useSQLite: true },
      LEDGERS: { className: 'AttemptLedger', useSQLite: true },
      PURGES: { className: 'PurgeLog', useSQLite: true },
    },
    handleRuntimeStdio(output: Readable, errors: Readable) {
      show(output)
      show(errors)
      // The runtime's end is the end of its output.
      output.once('close', () => void restart())
    },
  })
}

/** A line a request is for production; here only what went wrong. */
function show(stream: Readable): void {
  createInterface({ input: stream }).on('line', (line) => {
    if (/error|warn|exception|fault/i.test(line)) console.error(line)
  })
}

/** A runtime that ended by itself, or was ended, is started again at the same port. */
async function restart(): Promise<void> {
  if (stopping) return
  console.error('the runtime of the edge ended unexpectedly; it is started again')
  const { port } = url
  await edge.dispose().catch(() => {
    // What is gone cannot be ended.
  })
  await new Promise((resolve) => setTimeout(resolve, RESTART_MS))
  if (stopping) return
  edge = open(Number(port))
  await edge.ready.catch((error: unknown) => {
    console.error(`the edge cannot be started again: ${String(error)}`)
    process.exit(1)
  })
}
