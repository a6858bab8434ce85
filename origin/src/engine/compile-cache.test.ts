import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compileCacheEnvironment, compileEngine } from './compile-cache.ts'

const MAIN = join(import.meta.dirname, 'process/main.ts')
let copy = ''

beforeAll(() => {
  compileEngine()
  copy = mkdtempSync(join(tmpdir(), 'media-proxy-test-'))
})
afterAll(() => rmSync(copy, { recursive: true }))

it('holds all that an engine process loads before its first job', () => {
  const { NODE_COMPILE_CACHE: folder = '' } = compileCacheEnvironment()
  // A copy, so that what it lacks is not added to it.
  cpSync(folder, copy, { recursive: true })
  const setup = JSON.stringify({ role: 'media', libav: 'off' })
  const { stderr } = spawnSync(process.execPath, [MAIN, setup], {
    env: { NODE_COMPILE_CACHE: copy, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    stdio: ['ignore', 'ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
  const reads =
    stderr.match(/reading cache from .* for (?:StrippedTypeScript|TransformedTypeScript)\b.*/g) ?? []
  expect(reads.length).toBeGreaterThan(10)
  expect(reads.filter((line) => !line.includes('success'))).toEqual([])
})
