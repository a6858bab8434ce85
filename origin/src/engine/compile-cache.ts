/**
 * Node's compile cache of what the server and its engine processes run (`NODE_COMPILE_CACHE`). Without it each of them
 * strips the types of its files by a WebAssembly module of its own: 18 MiB of memory, and two thirds of the start of an
 * engine process. Written when the packages are installed; the service only reads it. Node checks each entry against its
 * source, so an old cache is slow and never wrong.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { COMPILE_CACHE, COMPILED_SOURCES, ENGINE_MODULES, SERVER_MODULES } from '../paths/paths.ts'

/** What is only loaded with the first connection, and would then be written by the server. */
const LATE = fileURLToPath(import.meta.resolve('undici')).replace(
  /index\.js$/,
  'lib/llhttp/llhttp_simd-wasm.js',
)
/** With it the server ends as soon as it has read its configuration. */
const UNUSABLE_CONFIGURATION = { MEDIA_PROXY_PORT: 'none: the server is only compiled' }

/** The environment of a process that reads the cache: empty where there is none. */
export function compileCacheEnvironment(): Readonly<Record<string, string>> {
  return existsSync(COMPILE_CACHE) ? { NODE_COMPILE_CACHE: COMPILE_CACHE } : {}
}

/**
 * Writes the cache where it is missing or older than a source. `serverFlags`: V8's, with which the server will run, since
 * it keeps another cache for each set of them. Throws where the folder cannot be written, or compiling is ended from
 * outside.
 */
export function compileAhead(serverFlags: readonly string[]): void {
  const changedAt = Math.max(...globSync(COMPILED_SOURCES).map((path) => statSync(path).mtimeMs))
  if (existsSync(COMPILE_CACHE) && statSync(COMPILE_CACHE).mtimeMs > changedAt) return
  // Beside it until it is whole: who reads it meanwhile, or writes it too, finds the old one, none, or a whole one.
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
    // Another one was faster, and compiled the same.
    if (!(error instanceof Error && 'code' in error && OVERTAKEN.has(error.code))) throw error
  } finally {
    for (const folder of [unfinished, replaced]) rmSync(folder, { recursive: true, force: true })
  }
}

/** The old cache was moved away, or a new one put there, in between. */
const OVERTAKEN: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTEMPTY'])

/** A module is compiled before it runs: what an optional package is missing for ends in an error that nobody needs. */
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
  // What is killed writes nothing.
  if (error !== undefined || signal !== null) throw error ?? new Error(`compiling ended by ${signal}`)
}
