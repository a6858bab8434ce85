/**
 * `pnpm release <version>` prepares a release: it sets the version in every manifest, and moves the
 * "Unreleased" entries of the changelog under that version. `--notes <version>` prints the changelog of a
 * version. It fails when there is none, or when a manifest has another version. The release workflow calls it
 * for its tag.
 */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from './origin-process.ts'
import { changelogOfRelease, notesOf } from './release/changelog.ts'

/** The files that are released together: those of the repository, its published packages, and the chart. */
const MANIFEST = /^( {2}"version": ")([^"]+)(")/m
const CHART = 'deploy/helm/media-proxy/Chart.yaml'
const VERSIONED: readonly (readonly [path: string, version: RegExp])[] = [
  ['package.json', MANIFEST],
  ['client/package.json', MANIFEST],
  ['server/package.json', MANIFEST],
  [CHART, /^(version: )(\S+)()$/m],
  [CHART, /^(appVersion: )(\S+)()$/m],
]
const SEMANTIC_VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/

const { values, positionals } = parseArgs({
  options: { notes: { type: 'boolean' } },
  allowPositionals: true,
})
const [version = ''] = positionals
try {
  if (!SEMANTIC_VERSION.test(version)) throw new Error(`usage: pnpm release [--notes] <version>`)
  if (values.notes) await printNotes()
  else await prepare()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function prepare(): Promise<void> {
  const today = new Date().toISOString().slice(0, 10)
  await rewrite('CHANGELOG.md', (text) => changelogOfRelease(text, version, today))
  for (const [path, pattern] of VERSIONED) {
    await rewrite(path, (text) => text.replace(pattern, `$1${version}$3`))
  }
  console.log(`Look at the changes, then:
  git commit -am 'Release ${version}' && git tag v${version} && git push --atomic origin HEAD v${version}`)
}

async function printNotes(): Promise<void> {
  for (const [path, pattern] of VERSIONED) {
    const found = pattern.exec(await read(path))?.[2]
    if (found !== version) throw new Error(`${path} has the version ${found}, not ${version}`)
  }
  console.log(notesOf(await read('CHANGELOG.md'), version))
}

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(join(ROOT, path), change(await read(path)))
}

function read(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8')
}
