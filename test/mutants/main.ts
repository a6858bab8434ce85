/**
 * `pnpm test:mutants` applies one fault after the other to a copy of the sources and runs the golden image
 * tests on it. Each fault has to make a test fail. Arguments select the mutants whose name contains one of
 * them.
 */

import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { measureTimeoutFactor, scaleTimeout } from '../timeouts.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { mutated, pathIn } from './mutate.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The folders of the workspace. */
const PACKAGES = globSync('*/package.json', { cwd: ROOT }).map(dirname)
const FILES = ['package.json', 'tsconfig.base.json', 'tsconfig.json', 'vitest.config.ts', 'wrangler.toml']
const TESTS = 'test/pictures'
/** A mutant may make the service wait forever. */
const LIMIT_MS = 120_000

measureTimeoutFactor()
const words = process.argv.slice(2)
const chosen = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
const copy = await copyTree()
try {
  const failure = await runTests(copy)
  if (failure !== undefined) throw new Error(`the tests fail without any mutant: ${failure}`)
  let survived = 0
  for (const mutant of chosen) {
    const noticed = await tryMutant(copy, mutant)
    if (noticed === undefined) survived += 1
    console.log(noticed === undefined ? `SURVIVED ${mutant.name}` : `noticed  ${mutant.name}: ${noticed}`)
  }
  console.log(`${chosen.length - survived} of ${chosen.length} mutants were noticed`)
  process.exitCode = survived === 0 && chosen.length > 0 ? 0 : 1
} finally {
  await rm(copy, { recursive: true })
}

/**
 * Copies the sources to a new folder. The installed packages
 * are linked, with the workspace packages pointing to the copy.
 */
async function copyTree(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-mutants-'))
  const isKept = (path: string) => !/[\\/](?:\.cache|\.wrangler|dist)$/.test(path)
  for (const name of [...PACKAGES, ...FILES])
    await cp(join(ROOT, name), join(folder, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: isKept,
    })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

async function tryMutant(root: string, mutant: Mutant): Promise<string | undefined> {
  const path = pathIn(root, mutant)
  const original = await readFile(path)
  await writeFile(path, await mutated(root, mutant))
  try {
    return await runTests(root)
  } finally {
    await writeFile(path, original)
  }
}

interface Report {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly title: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** Returns the first failing test with its reason. Undefined when none fails. Throws when no test ran. */
async function runTests(root: string): Promise<string | undefined> {
  const report = join(root, 'report.json')
  await rm(report, { force: true })
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', TESTS, '--bail', '1', '--reporter', 'json', '--outputFile', report]
  await new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(scaleTimeout(LIMIT_MS))
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'ignore', signal: timeout })
    child.once('error', reject)
    child.once('exit', resolve)
  })
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  if (tests.every(({ status }) => status !== 'passed' && status !== 'failed'))
    throw new Error(`no test ran: ${testResults.map(({ message }) => message).join('\n')}`)
  const failed = tests.find(({ status }) => status === 'failed')
  return failed && `${failed.title} (${reasonOf(failed.failureMessages?.[0] ?? '')})`
}

/** Returns the message of a comparison without the values around it. */
function reasonOf(message: string): string {
  const [first = ''] = message.split('\n')
  return first.replace(/^\w*Error: /, '').replace(/: expected (?:\[|…|Array).*$/, '')
}
