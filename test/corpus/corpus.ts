/** The folder of real and hostile media that `MEDIA_CORPUS` names; without it the tests over it are skipped. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const CORPUS = process.env.MEDIA_CORPUS

if (CORPUS === undefined) console.warn('MEDIA_CORPUS names no folder: the tests over real media are skipped')

/** Names of the corpus's folders; none where there is no corpus. */
export function corpusFolders(): readonly string[] {
  if (CORPUS === undefined) return []
  const entries = readdirSync(CORPUS, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
}

/** Names of the files in one folder of the corpus, as `folder/file`; none where there is no corpus. */
export function corpusFiles(folder: string): readonly string[] {
  if (CORPUS === undefined) return []
  return readdirSync(join(CORPUS, folder))
    .toSorted()
    .map((file) => `${folder}/${file}`)
}

export function readCorpus(file: string): Buffer {
  if (CORPUS === undefined) throw new Error('MEDIA_CORPUS names no folder')
  return readFileSync(join(CORPUS, file))
}
