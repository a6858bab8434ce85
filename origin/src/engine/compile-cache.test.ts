import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { COMPILE_CACHE } from '../paths/paths.ts'
import { compileAhead, compileCacheEnvironment } from './compile-cache.ts'

const ENGINE = join(import.meta.dirname, 'process/main.ts')
/** The flags with which the service is started. */
const FLAGS = ['--max-semi-space-size=2', '--heap-growing-percent=50', '--expose-gc']
const SERVER = join(import.meta.dirname, '../main.ts')
let copy = ''

beforeAll(() => {
  compileAhead(FLAGS)
  copy = mkdtempSync(join(tmpdir(), 'media-proxy-test-'))
})
afterAll(() => rmSync(copy, { recursive: true }))

it.each([
  ['an engine process', [ENGINE, JSON.stringify({ role: 'media', libav: 'off' })], {}],
  // The server exits at its invalid configuration, after it has loaded every module.
  ['the server', [...FLAGS, SERVER], { MEDIA_PROXY_PORT: 'none' }],
] as const)('contains everything that %s loads before its first job', (_, args, environment) => {
  const { NODE_COMPILE_CACHE: folder = '' } = compileCacheEnvironment()
  // A copy, so that missing entries are not added to the original.
  cpSync(folder, copy, { recursive: true })
  const { stderr } = spawnSync(process.execPath, args, {
    env: { ...environment, NODE_COMPILE_CACHE: copy, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    stdio: ['ignore', 'ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
  const reads =
    stderr.match(/reading cache from .* for (?:StrippedTypeScript|TransformedTypeScript)\b.*/g) ?? []
  expect(reads.length).toBeGreaterThan(10)
  expect(reads.filter((line) => !line.includes('success'))).toEqual([])
})

it('is complete for both of two concurrent writers', async () => {
  utimesSync(COMPILE_CACHE, 0, 0)
  const module = JSON.stringify(join(import.meta.dirname, 'compile-cache.ts'))
  const script = `const { compileAhead } = await import(${module}); compileAhead(${JSON.stringify(FLAGS)})`
  const entriesAfter = async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' })
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    return existsSync(COMPILE_CACHE) ? readdirSync(COMPILE_CACHE, { recursive: true }).length : 0
  }
  const one = entriesAfter()
  // The second writer starts while the first is compiling.
  const unfinished = `${basename(COMPILE_CACHE)}.`
  const isCompiling = () => readdirSync(dirname(COMPILE_CACHE)).some((name) => name.startsWith(unfinished))
  await expect.poll(isCompiling, { timeout: 20_000 }).toBe(true)
  for (const entries of await Promise.all([one, entriesAfter()])) expect(entries).toBeGreaterThan(100)
})
