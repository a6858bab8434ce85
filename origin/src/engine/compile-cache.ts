/**
 * Node's compile cache of what an engine process runs (`NODE_COMPILE_CACHE`). Without it each process strips the types
 * of some fifty files by a WebAssembly module of its own: 18 MiB of memory, and two thirds of its start. Written when
 * the packages are installed; the service only reads it. Node checks each entry against its source, so an old cache is
 * slow and never wrong.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/media-proxy/engine')
/** What its files import is compiled with them. */
const SOURCES = [
  join(import.meta.dirname, '**/*.ts'),
  join(import.meta.dirname, '../media/*.ts'),
  join(import.meta.dirname, '../../../shared/src/**/*.ts'),
]
const PROGRAM = join(import.meta.dirname, 'process/**/*.ts')

/** The environment of a process that reads the cache: empty where there is none. */
export function compileCacheEnvironment(): Readonly<Record<string, string>> {
  return existsSync(FOLDER) ? { NODE_COMPILE_CACHE: FOLDER } : {}
}

/** Writes the cache where it is missing or older than a source. Throws where the folder cannot be written. */
export function compileEngine(): void {
  const changedAt = Math.max(...globSync(SOURCES).map((path) => statSync(path).mtimeMs))
  if (existsSync(FOLDER) && statSync(FOLDER).mtimeMs > changedAt) return
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const modules = globSync(PROGRAM).filter((path) => !path.endsWith('.test.ts'))
  // A module is compiled before it runs: what an optional package is missing for, or what only a server may start,
  // ends in an error that nobody needs.
  const script = `await Promise.allSettled(${JSON.stringify(modules.map((path) => pathToFileURL(path).href))}
    .map((url) => import(url))); process.exit(0)`
  spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, NODE_COMPILE_CACHE: FOLDER, ORT_DISABLE_TELEMETRY: '1' },
    stdio: 'ignore',
  })
}
