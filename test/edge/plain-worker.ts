import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Miniflare } from 'miniflare'
import { unstable_readConfig as readConfig } from 'wrangler'
import { send } from '../http.ts'

const ROOT = join(import.meta.dirname, '../..')
const WRANGLER = join(ROOT, 'test/node_modules/wrangler/bin/wrangler.js')

export interface PlainWorker {
  readonly url: string
  readonly worker: Miniflare
  /** Moves the clock of the worker forward, by milliseconds. */
  advanceClock(milliseconds: number): Promise<void>
  close(): Promise<void>
}

/** The worker behind a clock that `/__clock` moves forward. */
const CLOCKED_WORKER = `import worker from './worker.js'
export * from './worker.js'

let advancedMs = 0
const now = Date.now.bind(Date)
Date.now = () => now() + advancedMs

export default {
  fetch(request, bindings, context) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== '/__clock') return worker.fetch(request, bindings, context)
    advancedMs += Number(searchParams.get('milliseconds'))
    return new Response('OK')
  },
}
`

/**
 * Runs the built worker alone in the runtime. The harness of wrangler sends the fetches of a worker through
 * Node's `fetch`, which decodes and encodes bodies on the way, and hides where a response breaks off.
 */
export async function openPlainWorker(
  bindings: Readonly<Record<string, string>>,
  r2Buckets: readonly string[] = [],
): Promise<PlainWorker> {
  workerCode ??= buildWorker()
  const { compatibility_flags: compatibilityFlags } = readConfig({ config: join(ROOT, 'wrangler.toml') })
  const worker = new Miniflare({
    modulesRoot: '.',
    modules: [
      { type: 'ESModule' as const, path: 'main.js', contents: CLOCKED_WORKER },
      { type: 'ESModule' as const, path: 'worker.js', contents: workerCode },
    ],
    cf: false as const,
    port: 0,
    compatibilityDate: '2026-07-01',
    compatibilityFlags,
    r2Buckets: [...r2Buckets],
    bindings,
    durableObjects: {
      FLIGHTS: 'FlightCoordinator',
      LEDGERS: 'AttemptLedger',
      PURGES: { className: 'PurgeLog', useSQLite: true },
    },
  })
  const { origin } = await worker.ready
  return {
    url: origin,
    worker,
    async advanceClock(milliseconds) {
      await send(origin, `/__clock?milliseconds=${milliseconds}`)
    },
    close: () => worker.dispose(),
  }
}

/** The bundle of the worker, which is built once for each test file. */
let workerCode: string | undefined

function buildWorker(): string {
  const folder = mkdtempSync(join(tmpdir(), 'media-proxy-worker-'))
  try {
    const args = ['deploy', '--dry-run', '--outdir', folder]
    const built = spawnSync(process.execPath, [WRANGLER, ...args], { cwd: ROOT, encoding: 'utf8' })
    if (built.status !== 0) throw new Error(built.stderr)
    return readFileSync(join(folder, 'worker.js'), 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
