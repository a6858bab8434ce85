import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mutant } from './mutants.ts'

/** Returns the path of a mutant's file in a tree. */
export function pathIn(root: string, { file }: Mutant): string {
  return join(root, 'origin/src/engine/process', file)
}

/**
 * Returns the file with the fault. Throws when the text does not occur exactly once, because the mutant is
 * then out of date.
 */
export async function mutated(root: string, mutant: Mutant): Promise<string> {
  const source = await readFile(pathIn(root, mutant), 'utf8')
  const found = source.split(mutant.text).length - 1
  if (found !== 1) throw new Error(`${mutant.name}: its text stands ${found} times in ${mutant.file}`)
  return source.replace(mutant.text, () => mutant.replacement)
}
