/** Checks that the mutants match the sources. `pnpm test:mutants` runs them, which takes minutes. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MUTANTS } from './mutants.ts'
import { mutated } from './mutate.ts'

const ROOT = join(import.meta.dirname, '../..')

describe('mutants', () => {
  it.each(MUTANTS)('can still be applied: $name', async (mutant) => {
    expect(await mutated(ROOT, mutant)).toContain(mutant.replacement)
  })

  it('have unique names, and change something', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
    for (const { text, replacement } of MUTANTS) expect(replacement).not.toBe(text)
  })
})
