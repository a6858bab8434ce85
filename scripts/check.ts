/**
 * `pnpm check`: checks types, lint and format, dead code, generated files, packages, and the worker bundle
 * with its size.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ROOT } from './origin-process.ts'

/** Larger bundles start more slowly at every location. Compressed, as the platform counts. */
const MAX_BUNDLE_KILOBYTES = 150

const bundle = mkdtempSync(join(tmpdir(), 'media-proxy-bundle-'))
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-b'],
  ['lint and format', 'biome', 'ci', '--error-on-warnings', '.'],
  ['dead code', 'knip', '--no-progress'],
  ['generated files', 'node', 'scripts/generate.ts', '--check'],
  ['pictures of the documents', 'node', 'scripts/pictures.ts', '--check'],
  ['client package', 'node', 'scripts/build-client.ts', `${bundle}-client`],
  ['client package for its manifest', 'publint', 'run', `${bundle}-client`, '--strict', '--pack', 'npm'],
  ['client package for its types', 'attw', '--pack', `${bundle}-client`],
  ['server package', 'node', 'scripts/build-server.ts', `${bundle}-packages`],
  [
    'server package for its manifest',
    'publint',
    ...['run', `${bundle}-packages/server`, '--strict', '--pack', 'npm'],
  ],
  ['worker bundle', 'wrangler', 'deploy', '--dry-run', '--outdir', bundle],
  [
    'container bundle',
    'wrangler',
    ...['deploy', '--config', 'deploy/cloudflare-containers/wrangler.toml', '--dry-run'],
    ...['--containers-rollout', 'none', '--outdir', `${bundle}-container`],
  ],
  [
    'production bundle',
    'wrangler',
    'deploy',
    '--dry-run',
    '--env',
    'production',
    '--outdir',
    `${bundle}-production`,
  ],
]

let failed = 0
for (const [name, command, ...args] of steps) {
  const run = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false' },
  })
  const passed = run.status === 0
  if (!passed) failed += 1
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name}`)
  if (!passed) console.error(run.error?.message ?? `${run.stdout}${run.stderr}`)
}

const scripts = readdirSync(bundle).filter((file) => file.endsWith('.js'))
const kilobytes =
  scripts.reduce((sum, file) => sum + gzipSync(readFileSync(join(bundle, file))).length, 0) / 1000
const fits = scripts.length > 0 && kilobytes <= MAX_BUNDLE_KILOBYTES
if (!fits) failed += 1
console.log(
  `${fits ? 'ok    ' : 'FAILED'} bundle size: ${kilobytes.toFixed(1)} of ${MAX_BUNDLE_KILOBYTES} kB gzip`,
)
for (const suffix of ['', '-production', '-container', '-client', '-packages']) {
  rmSync(bundle + suffix, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1
