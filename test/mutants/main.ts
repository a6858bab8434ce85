/**
 * `pnpm test:mutants` puts one fault after the other into a copy of the sources and runs the tests of pictures over it: each
 * has to make one fail. Words behind it choose the mutants that have one of them in their name.
 */

import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { measurePatience, patient } from '../patience.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { mutated, pathIn } from './mutate.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Folders of the workspace. */
const PACKAGES = globSync('*/package.json', { cwd: ROOT }).map(dirname)
const FILES = ['package.json', 'tsconfig.base.json', 'tsconfig.json', 'vitest.config.ts', 'wrangler.toml']
const TESTS = 'test/pictures'
/** A mutant may have the service wait for ever. */
const LIMIT_MS = 120_000

measurePatience()
const words = process.argv.slice(2)
const chosen = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
const copy = await copyTree()
try {
  const sound = await runTests(copy)
  if (sound !== undefined) throw new Error(`the tests fail without any mutant: ${sound}`)
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

/** The sources in a folder of their own. What is installed is only linked, and finds the packages of the copy. */
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
  const sound = await readFile(path)
  await writeFile(path, await mutated(root, mutant))
  try {
    return await runTests(root)
  } finally {
    await writeFile(path, sound)
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

/** The first test that fails and why; undefined where none does. Throws where there was nothing to run. */
async function runTests(root: string): Promise<string | undefined> {
  const report = join(root, 'report.json')
  await rm(report, { force: true })
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', TESTS, '--bail', '1', '--reporter', 'json', '--outputFile', report]
  await new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(patient(LIMIT_MS))
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

/** What a comparison says, without what it is wrapped into. */
function reasonOf(message: string): string {
  const [first = ''] = message.split('\n')
  return first.replace(/^\w*Error: /, '').replace(/: expected (?:\[|…|Array).*$/, '')
}
