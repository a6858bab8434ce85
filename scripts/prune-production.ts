/**
 * `node scripts/prune-production.ts [folder]`: removes files from a production tree that its platform never
 * loads: the binaries of onnxruntime for other platforms, which are two thirds of all packages, and
 * documentation. It needs no packages.
 */

import { globSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const folder = resolve(process.argv[2] ?? '.')
const ours = join(process.platform, process.arch)

const packages = join(folder, 'node_modules/.pnpm')
const binaries = globSync(join(packages, 'onnxruntime-node@*/node_modules/onnxruntime-node/bin/napi-v*'))
if (binaries.length === 0) throw new Error(`${packages} has no onnxruntime-node`)
for (const place of binaries) {
  const builds = globSync('*/*', { cwd: place })
  if (!builds.includes(ours)) throw new Error(`onnxruntime has no build for ${ours}: ${builds.join(', ')}`)
  for (const build of builds.filter((build) => build !== ours))
    rmSync(join(place, build), { recursive: true })
}
for (const path of readdirSync(packages, { recursive: true, encoding: 'utf8' })) {
  if (/\.(d\.[cm]?ts|map|md|markdown)$/i.test(path) && !/licen[cs]e/i.test(path)) {
    rmSync(join(packages, path), { force: true })
  }
}
