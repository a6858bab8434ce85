/** Bundles the page: one document, one script, one style sheet, and nothing from elsewhere. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

export interface PlaygroundFiles {
  readonly page: string
  readonly script: string
  readonly style: string
}

const SOURCE = join(import.meta.dirname, 'src')

/**
 * Takes a tenth of a second; whoever serves the files keeps them. The synchronous call is the one that leaves no
 * child process behind: the other keeps a service, shared with whatever else in this process bundles.
 */
export async function buildPlayground(): Promise<PlaygroundFiles> {
  const { outputFiles } = buildSync({
    entryPoints: { script: join(SOURCE, 'main.ts'), style: join(SOURCE, 'style/main.css') },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: '/',
    write: false,
    logLevel: 'silent',
  })
  const textOf = (suffix: string) => outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? ''
  return {
    page: await readFile(join(SOURCE, 'index.html'), 'utf8'),
    script: textOf('.js'),
    style: textOf('.css'),
  }
}
