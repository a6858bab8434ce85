/**
 * `pnpm build:server [folder]`: builds the origin as packages for publication, in `dist/server` and
 * `dist/onnxruntime-<platform>` by default. All code of this repository is bundled, and so are the packages
 * that have to be exactly the ones used here: mediabunny, which is patched, and the JavaScript layers of
 * onnxruntime and libav, whose packages download files during installation. Their binaries are packages for
 * one platform each, of which npm installs the matching one. Everything else is a dependency with exactly the
 * version that is tested here.
 */

import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { buildPlayground } from '@media-proxy/playground/build.ts'
import { build, type Metafile, type Plugin } from 'esbuild'
import { ROOT } from './origin-process.ts'
import { publishedManifest } from './published-manifest.ts'

const PACKAGE = join(ROOT, 'server')
const BUNDLED = ['mediabunny', 'node-av', 'onnxruntime-node']
/** The platforms on which libav is used. */
const LIBAV_BUILD = /^@seydx\/node-av-(linux|darwin)-/
/** The folder of the binaries in onnxruntime-node, by platform and CPU architecture. */
const ONNXRUNTIME_BINARIES = 'bin/napi-v6'
const ONNXRUNTIME_PACKAGE = '@media-proxy/onnxruntime'

const requireInOrigin = createRequire(join(ROOT, 'origin/package.json'))

interface Manifest {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const output = resolve(process.argv[2] ?? join(ROOT, 'dist'))
const server = join(output, 'server')
const onnxruntime = folderOf('onnxruntime-node')

async function buildServer(platforms: readonly string[]): Promise<void> {
  await rm(server, { recursive: true, force: true })
  const { metafile } = await build({
    entryPoints: {
      cli: join(PACKAGE, 'src/cli.ts'),
      server: join(PACKAGE, 'src/server.ts'),
      // An entry point, so that it is not a chunk: chunks are
      // compiled ahead by processes that must not start the service.
      main: join(ROOT, 'origin/src/main.ts'),
      engine: join(ROOT, 'origin/src/engine/process/main.ts'),
    },
    outdir: join(server, 'dist'),
    bundle: true,
    // Puts code that a process does not need into files that it does not load.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node22',
    // Bundled CommonJS modules load their native parts with `require`.
    banner: {
      js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
    },
    external: Object.keys(await dependencies()),
    plugins: [filesOfThePackage, onnxruntimeBinding],
    metafile: true,
    logLevel: 'warning',
  })
  await assertInstalled(metafile)
  const { page, script, style } = await buildPlayground()
  const files: Readonly<Record<string, string>> = {
    'playground/index.html': page,

    'playground/script.js': script,
    'playground/style.css': style,
    'THIRD-PARTY.txt': await licences(),
    'package.json': await serverManifest(platforms),
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(server, path)), { recursive: true })
    await writeFile(join(server, path), text)
  }
  for (const folder of ['fonts', 'models'])
    await cp(join(ROOT, 'origin', folder), join(server, folder), { recursive: true })
  await cp(join(ROOT, 'scripts/photographs'), join(server, 'photographs'), { recursive: true })
  await cp(join(ROOT, 'patches'), join(server, 'patches'), { recursive: true })
  // For users who run the package without this repository.
  for (const folder of ['systemd', 'nginx']) {
    await cp(join(ROOT, 'deploy', folder), join(server, 'deploy', folder), { recursive: true })
  }
  await cp(join(ROOT, 'deploy/Caddyfile'), join(server, 'deploy/Caddyfile'))
  await cp(join(PACKAGE, 'README.md'), join(server, 'README.md'))
  await cp(join(ROOT, 'LICENSE'), join(server, 'LICENSE'))
}

/** Replaces the modules that contain the paths of the repository by those of the package. */
const filesOfThePackage: Plugin = {
  name: 'files of the package',
  setup({ onResolve }) {
    onResolve({ filter: /\/paths\/paths\.ts$/ }, () => ({ path: join(PACKAGE, 'src/paths.ts') }))
    onResolve({ filter: /^@media-proxy\/playground\/build\.ts$/ }, () => ({
      path: join(PACKAGE, 'src/playground.ts'),
    }))
  },
}

const onnxruntimeBinding: Plugin = {
  name: 'the binding of onnxruntime',
  setup({ onLoad }) {
    onLoad({ filter: /onnxruntime-node\/dist\/binding\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const inFolder = `\`../${ONNXRUNTIME_BINARIES}/\${process.platform}/\${process.arch}/onnxruntime_binding.node\``
      if (!text.includes(inFolder)) throw new Error(`${path} loads its binary in another way`)
      const inPackage = `\`${ONNXRUNTIME_PACKAGE}-\${process.platform}-\${process.arch}\``
      return { contents: text.replace(inFolder, inPackage), loader: 'js' }
    })
  },
}

/** Returns the packages that the bundle imports, with the versions installed here. */
async function dependencies(): Promise<Readonly<Record<string, string>>> {
  const rooms = await Promise.all(['shared', 'origin'].map((room) => manifestOf(join(ROOT, room))))
  const all = Object.assign({}, ...rooms.map((manifest) => manifest.dependencies)) as Record<string, string>
  const outside = Object.entries(all).filter(
    ([name, version]) => !version.startsWith('workspace:') && !BUNDLED.includes(name),
  )
  return Object.fromEntries(outside.sort(([a], [b]) => a.localeCompare(b)))
}

async function serverManifest(platforms: readonly string[]): Promise<string> {
  const libav = await manifestOf(folderOf('node-av'))
  const { version } = await manifestOf(onnxruntime)
  const builds = Object.keys(libav.optionalDependencies ?? {}).filter((name) => LIBAV_BUILD.test(name))
  return publishedManifest(await manifestOf(PACKAGE), {
    bin: { 'media-proxy-server': './dist/cli.js' },
    files: ['deploy', 'dist', 'fonts', 'models', 'patches', 'photographs', 'playground', 'THIRD-PARTY.txt'],
    dependencies: await dependencies(),
    optionalDependencies: Object.fromEntries([
      ...builds.map((name) => [name, libav.version]),
      ...platforms.map((platform) => [`@media-proxy/${packageFolder(platform)}`, version]),
    ]),
  })
}

/**
 * Fails when the bundle imports a package that is not a dependency.
 * Otherwise only the users of the package would notice.
 */
async function assertInstalled({ outputs }: Metafile): Promise<void> {
  const known = new Set(Object.keys(await dependencies()))
  const imported = Object.values(outputs).flatMap(({ imports }) =>
    imports.filter(({ external, path }) => external && !path.startsWith('node:')).map(({ path }) => path),
  )
  const { builtinModules } = await import('node:module')
  const missing = imported.filter((path) => {
    const [scope = '', name = ''] = path.split('/')
    return !known.has(scope.startsWith('@') ? `${scope}/${name}` : scope) && !builtinModules.includes(path)
  })
  if (missing.length > 0) throw new Error(`imported, and not installed: ${[...new Set(missing)].join(', ')}`)
}

/** Returns the licences of the bundled packages. */
async function licences(): Promise<string> {
  const texts = BUNDLED.concat('onnxruntime-common').map(async (name) => {
    const folder = name === 'onnxruntime-common' ? folderOf(name, onnxruntime) : folderOf(name)
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file === undefined ? `Licence: ${license}` : await readFile(join(folder, file), 'utf8')
    return `${name} ${version}\n\n${text.trim()}\n`
  })
  const patch = 'mediabunny is bundled as patches/ changes it; its source is the package of that name.\n'
  return [patch, ...(await Promise.all(texts))].join(`\n${'-'.repeat(80)}\n\n`)
}

async function onnxruntimePlatforms(): Promise<readonly string[]> {
  const binaries = join(onnxruntime, ONNXRUNTIME_BINARIES)
  const systems = await readdir(binaries)
  const found = systems.map(async (system) =>
    (await readdir(join(binaries, system))).map((processor) => `${system}/${processor}`),
  )
  return (await Promise.all(found)).flat()
}

function packageFolder(platform: string): string {
  return `onnxruntime-${platform.replace('/', '-')}`
}

/** Builds the package with the binary of onnxruntime for one platform. It has no install script. */
async function buildOnnxruntime(platform: string): Promise<void> {
  const folder = join(output, packageFolder(platform))
  const [system = '', processor = ''] = platform.split('/')
  await rm(folder, { recursive: true, force: true })
  await cp(join(onnxruntime, ONNXRUNTIME_BINARIES, platform), folder, { recursive: true })
  const { version } = await manifestOf(onnxruntime)
  const manifest = {
    name: `@media-proxy/${packageFolder(platform)}`,
    version,
    description: `The binary of onnxruntime-node ${version} for ${system} on ${processor}, for @media-proxy/server.`,
    license: 'MIT',
    main: 'onnxruntime_binding.node',
    os: [system],
    cpu: [processor],
    ...(system === 'linux' ? { libc: ['glibc'] } : {}),
  }
  await writeFile(join(folder, 'package.json'), publishedManifest({}, manifest))
}

async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
}

/** Returns the folder of a package, resolved from the origin or from another package. */
function folderOf(name: string, from?: string): string {
  const { resolve: find } = from === undefined ? requireInOrigin : createRequire(join(from, 'package.json'))
  const entry = find(name)
  const end = `/node_modules/${name}/`
  return entry.slice(0, entry.lastIndexOf(end) + end.length - 1)
}

function shown(path: string): string {
  return relative(process.cwd(), path)
}

const platforms = await onnxruntimePlatforms()
await buildServer(platforms)
for (const platform of platforms) await buildOnnxruntime(platform)
for (const name of ['server', ...platforms.map(packageFolder)])
  console.log(`wrote ${shown(join(output, name))}`)
