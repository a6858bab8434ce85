/**
 * The folder of real and malicious media, named by
 * `MEDIA_CORPUS`. Without it, the tests that use it are skipped.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const CORPUS = process.env.MEDIA_CORPUS

if (CORPUS === undefined) console.warn('MEDIA_CORPUS names no folder: the tests over real media are skipped')

/** Returns the names of the corpus folders. Empty when there is no corpus. */
export function corpusFolders(): readonly string[] {
  if (CORPUS === undefined) return []
  const entries = readdirSync(CORPUS, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
}

/**
 * Returns the names of the files in a folder of the corpus, as `folder/file`. Empty when there is no corpus.
 */
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
