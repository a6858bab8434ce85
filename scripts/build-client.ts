/**
 * `pnpm build:client`: the URL builder and client as a package of its own in `dist/client`: one module without a
 * dependency, its types, and a package.json to publish it by.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { ROOT } from './origin-process.ts'

const SOURCE = join(ROOT, 'shared/src')
const ENTRY = 'client/index'
/** Where `tsc -b` writes the declarations of `shared`. */
const DECLARATIONS = join(ROOT, 'node_modules/.cache/tsc/shared')

/** Writes the package; `tsc -b shared` has to have run. */
export async function buildClient(directory: string): Promise<void> {
  buildSync({
    entryPoints: [join(SOURCE, `${ENTRY}.ts`)],
    outfile: join(directory, 'index.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'warning',
  })
  const seen = new Set<string>()
  await copyDeclarations(join(DECLARATIONS, `${ENTRY}.d.ts`), directory, seen)
  const { version, license } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const manifest = {
    name: '@media-proxy/client',
    version,
    license,
    description:
      'URLs of the media proxy, signed where they have to be, and a client of its internal endpoints.',
    type: 'module',
    sideEffects: false,
    exports: { '.': { types: `./types/${ENTRY}.d.ts`, default: './index.js' } },
  }
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** A declaration and those that it imports, with the names that plain TypeScript looks for. */
async function copyDeclarations(path: string, directory: string, seen: Set<string>): Promise<void> {
  if (seen.has(path)) return
  seen.add(path)
  const text = await readFile(path, 'utf8')
  const target = join(directory, 'types', relative(DECLARATIONS, path))
  await mkdir(dirname(target), { recursive: true })
  await writeFile(
    target,
    text.replace(/(from '\.[^']*)\.ts'/g, "$1.js'").replace(/\n\/\/# sourceMappingURL.*/, ''),
  )
  for (const [, imported = ''] of text.matchAll(/from '(\.[^']*)\.ts'/g)) {
    await copyDeclarations(resolve(dirname(path), `${imported}.d.ts`), directory, seen)
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const directory = join(ROOT, 'dist/client')
  await buildClient(directory)
  console.log(
    `wrote ${relative(process.cwd(), directory)}: npm pack ./${relative(process.cwd(), directory)} makes a package of it`,
  )
}
