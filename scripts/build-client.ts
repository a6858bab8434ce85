/**
 * `pnpm build:client [folder]`: builds the URL builder and client as a separate package, in `dist/client` by
 * default. It is one module without dependencies, as an ES module and for `require`, with types for both. Its
 * `package.json` is made from that of `client/`.
 */

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { ROOT } from './origin-process.ts'
import { publishedManifest } from './published-manifest.ts'

const PACKAGE = join(ROOT, 'client')
const SOURCE = join(ROOT, 'shared/src')
const ENTRY = 'client/index'
/** The folder into which `tsc -b` writes the declarations of `shared`. */
const DECLARATIONS = join(ROOT, 'node_modules/.cache/tsc/shared')

/** For each module format: the file of the module, and the file extensions of its declarations. */
const FLAVOURS = {
  import: { format: 'esm', module: 'index.js', script: '.js', declaration: '.d.ts' },
  require: { format: 'cjs', module: 'index.cjs', script: '.cjs', declaration: '.d.cts' },
} as const
type Flavour = (typeof FLAVOURS)[keyof typeof FLAVOURS]

/** Writes the package. Requires that `tsc -b shared` has run. */
export async function buildClient(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  for (const flavour of Object.values(FLAVOURS)) {
    buildSync({
      entryPoints: [join(SOURCE, `${ENTRY}.ts`)],
      outfile: join(directory, flavour.module),
      bundle: true,
      format: flavour.format,
      platform: 'neutral',
      target: 'es2022',
      logLevel: 'warning',
    })
    await copyDeclarations(join(DECLARATIONS, `${ENTRY}.d.ts`), directory, flavour, new Set())
  }
  const typesOf = ({ declaration }: Flavour) => `./types/${ENTRY}${declaration}`
  const conditions = Object.entries(FLAVOURS).map(([condition, flavour]) => [
    condition,
    { types: typesOf(flavour), default: `./${flavour.module}` },
  ])
  const manifest = publishedManifest(JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')), {
    files: ['index.js', 'index.cjs', 'types'],
    // For tools that resolve modules without `exports`.
    main: `./${FLAVOURS.require.module}`,
    types: typesOf(FLAVOURS.require),
    exports: { '.': Object.fromEntries(conditions), './package.json': './package.json' },
  })
  await writeFile(join(directory, 'package.json'), manifest)
  await copyFile(join(PACKAGE, 'README.md'), join(directory, 'README.md'))
  await copyFile(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'))
}

/**
 * Copies a declaration and the ones that it imports, with the file extensions that plain TypeScript expects.
 */
async function copyDeclarations(
  path: string,
  directory: string,
  flavour: Flavour,
  seen: Set<string>,
): Promise<void> {
  if (seen.has(path)) return
  seen.add(path)
  const text = await readFile(path, 'utf8')
  const name = relative(DECLARATIONS, path).replace(/\.d\.ts$/, flavour.declaration)
  const target = join(directory, 'types', name)
  await mkdir(dirname(target), { recursive: true })
  await writeFile(
    target,
    text
      .replace(/((?:from |import\()'\.[^']*)\.ts'/g, `$1${flavour.script}'`)
      .replace(/\n\/\/# sourceMappingURL.*/, ''),
  )
  for (const [, imported = ''] of text.matchAll(/(?:from |import\()'(\.[^']*)\.ts'/g)) {
    await copyDeclarations(resolve(dirname(path), `${imported}.d.ts`), directory, flavour, seen)
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const directory = resolve(process.argv[2] ?? join(ROOT, 'dist/client'))
  await buildClient(directory)
  const shown = relative(process.cwd(), directory)
  console.log(`wrote ${shown}: npm publish ./${shown} --access public`)
}
