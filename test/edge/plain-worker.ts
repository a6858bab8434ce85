import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Miniflare } from 'miniflare'
import { unstable_readConfig as readConfig } from 'wrangler'

const ROOT = join(import.meta.dirname, '../..')
const WRANGLER = join(ROOT, 'test/node_modules/wrangler/bin/wrangler.js')

/**
 * Runs the built worker alone in the runtime. The harness of wrangler sends the fetches of a worker through
 * Node's `fetch`, which decodes and encodes bodies on the way, and hides where a response breaks off.
 */
export async function openPlainWorker(
  bindings: Readonly<Record<string, string>>,
  r2Buckets: readonly string[] = [],
) {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-worker-'))
  const args = ['deploy', '--dry-run', '--outdir', folder]
  const built = spawnSync(process.execPath, [WRANGLER, ...args], { cwd: ROOT, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(built.stderr)
  const contents = await readFile(join(folder, 'worker.js'), 'utf8')
  const { compatibility_flags: compatibilityFlags } = readConfig({ config: join(ROOT, 'wrangler.toml') })
  const worker = new Miniflare({
    modulesRoot: '.',
    modules: [{ type: 'ESModule' as const, path: 'worker.js', contents }],
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
    async close() {
      await worker.dispose()
      await rm(folder, { recursive: true })
    },
  }
}
