import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mutant } from './mutants.ts'

/** Where a mutant's file lies in a tree. */
export function pathIn(root: string, { file }: Mutant): string {
  return join(root, 'origin/src/engine/process', file)
}

/** The file with the fault in it. Throws where its text does not stand there exactly once: then the mutant is out of date. */
export async function mutated(root: string, mutant: Mutant): Promise<string> {
  const source = await readFile(pathIn(root, mutant), 'utf8')
  const found = source.split(mutant.text).length - 1
  if (found !== 1) throw new Error(`${mutant.name}: its text stands ${found} times in ${mutant.file}`)
  return source.replace(mutant.text, () => mutant.replacement)
}
