/**
 * Node's compile cache of the modules that the server and its engine processes load (`NODE_COMPILE_CACHE`).
 * Without it each process strips the types of its files with its own WebAssembly module. That costs 18 MiB of
 * memory, and two thirds of the start time of an engine process. The cache is written when the packages are
 * installed; the service only reads it. Node checks each entry against its source, so an outdated cache is
 * slow but never wrong.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { COMPILE_CACHE, COMPILED_SOURCES, ENGINE_MODULES, SERVER_MODULES } from '../paths/paths.ts'

/**
 * A module that is loaded only with the first connection. If it were not compiled here, the server would
 * write it to the cache.
 */
const LATE = fileURLToPath(import.meta.resolve('undici')).replace(
  /index\.js$/,
  'lib/llhttp/llhttp_simd-wasm.js',
)
/** An invalid configuration, with which the server exits as soon as it has read it. */
const UNUSABLE_CONFIGURATION = { MEDIA_PROXY_PORT: 'none: the server is only compiled' }

/** Returns the environment variables of a process that reads the cache. Empty when there is no cache. */
export function compileCacheEnvironment(): Readonly<Record<string, string>> {
  return existsSync(COMPILE_CACHE) ? { NODE_COMPILE_CACHE: COMPILE_CACHE } : {}
}

/**
 * Writes the cache when it is missing or older than a source file. `serverFlags` are the V8 flags of the
 * server, because V8 keeps a separate cache for each set of flags. Throws when the folder cannot be written,
 * or when the compiling process is killed.
 */
export function compileAhead(serverFlags: readonly string[]): void {
  const changedAt = Math.max(...globSync(COMPILED_SOURCES).map((path) => statSync(path).mtimeMs))
  if (existsSync(COMPILE_CACHE) && statSync(COMPILE_CACHE).mtimeMs > changedAt) return
  // Written under another name until it is complete: a concurrent reader or writer finds the old cache, none,
  // or a complete one.
  const unfinished = `${COMPILE_CACHE}.${process.pid}`
  const replaced = `${unfinished}.old`
  try {
    mkdirSync(unfinished, { recursive: true })
    compile(
      globSync(ENGINE_MODULES).filter((path) => !path.endsWith('.test.ts')),
      [],
      unfinished,
    )
    compile([LATE, ...SERVER_MODULES], serverFlags, unfinished)
    if (existsSync(COMPILE_CACHE)) renameSync(COMPILE_CACHE, replaced)
    renameSync(unfinished, COMPILE_CACHE)
  } catch (error) {
    // Another process finished first, and compiled the same modules.
    if (!(error instanceof Error && 'code' in error && ALREADY_REPLACED.has(error.code))) throw error
  } finally {
    for (const folder of [unfinished, replaced]) rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Error codes of a rename when another process moved the old cache away, or put a new one in its place, in
 * the meantime.
 */
const ALREADY_REPLACED: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTEMPTY'])

/**
 * Compiles modules by importing them. A module is compiled before it runs, so the error of a missing optional
 * package can be ignored.
 */
function compile(modules: readonly string[], flags: readonly string[], cache: string): void {
  const urls = JSON.stringify(modules.map((path) => pathToFileURL(path).href))
  const script = `for (const url of ${urls}) await import(url).catch(() => undefined)`
  const { error, signal } = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', script], {
    env: {
      ...process.env,
      ...UNUSABLE_CONFIGURATION,
      NODE_COMPILE_CACHE: cache,
      ORT_DISABLE_TELEMETRY: '1',
    },
    stdio: 'ignore',
  })
  // A process that was killed writes no cache.
  if (error !== undefined || signal !== null) throw error ?? new Error(`compiling ended by ${signal}`)
}
