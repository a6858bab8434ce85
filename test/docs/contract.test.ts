/** The contract lists every parameter, and references to its sections refer to existing ones. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const CONTRACT = 'docs/contract.md'
const REFERENCE =
  /\bcontract, sections? (\d+(?:(?:, | and )\d+)*)|\bsections? (\d+(?:(?:, | and )\d+)*) of the contract/gi

const sections = [...read(CONTRACT).matchAll(/^## (\d+)\. /gm)].map(([, number]) => Number(number))

it('the sections of the contract are numbered without gaps', () => {
  expect(sections).toEqual(Array.from({ length: sections.length }, (_, index) => index + 1))
  expect(sections.length).toBeGreaterThan(0)
})

it('every reference to the contract names an existing section', () => {
  const files = execFileSync('git', ['ls-files', '*.ts', '*.md'], { cwd: ROOT, encoding: 'utf8' })
  const references = files
    .split('\n')
    .filter((file) => file !== '')
    .flatMap((file) => sectionsNamedIn(read(file)).map((number) => ({ file, number })))
  expect(references.length).toBeGreaterThan(10)
  expect(references.filter(({ number }) => !sections.includes(number))).toEqual([])
})

it('the contract refers only to its own existing sections', () => {
  const own = [...read(CONTRACT).matchAll(/\bsection (\d+)/g)].map(([, number]) => Number(number))
  expect(own.filter((number) => !sections.includes(number))).toEqual([])
})

it('the contract lists every parameter, and where it is accepted', () => {
  const rows = [...read(CONTRACT).matchAll(/^\| (`\w+`(?:, `\w+`)*) +\| (\w+)[^|]*\| (\w+)[^|]*\|[^|]*\|$/gm)]
  const listed = rows.flatMap(([, names = '', onAssets = '', onAttachments = '']) =>
    [...names.matchAll(/\w+/g)].map(([name]) => [name, onAssets !== 'no', onAttachments !== 'no']),
  )
  const accepted = PARAMETER_GUIDE.map(({ name, on }) => [name, on !== 'transformation', on !== 'asset'])
  expect(listed.toSorted()).toEqual(accepted.toSorted())
})

/** Returns the section numbers in a text, also when a comment breaks the line inside a reference. */
function sectionsNamedIn(text: string): readonly number[] {
  const flowing = text.replaceAll(/\s*\n\s*(?:\*|\/\/|>)?\s*/g, ' ')
  return [...flowing.matchAll(REFERENCE)].flatMap(([, after = '', before = '']) =>
    [...(after + before).matchAll(/\d+/g)].map(Number),
  )
}
