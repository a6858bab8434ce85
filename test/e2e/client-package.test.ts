/** The client as it is published: packed, installed into an empty folder, compiled against and run. */

import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { snippet } from '@media-proxy/playground/src/snippets.ts'
import { parametersOf } from '@media-proxy/playground/src/state.ts'
import { buildClient } from '@media-proxy/scripts/build-client.ts'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const CALLS = `
const url: string = createMediaUrls('https://media.example.com').asset('avatars', '1', 'abc', { size: 64 })
const signed: Promise<string> = createExternalUrls({ baseUrl: '', secretKey: 's' }).sign(url, { dpr: 1.5 })
const size: AssetSize = assetSizeFor(65)
export const all: readonly unknown[] = [signed, size, placeholderDataUrl('')]
// @ts-expect-error there is no such ratio
createMediaUrls('').emoji('1', { dpr: 4 })
// @ts-expect-error there is no such size
createMediaUrls('').emoji('1', { size: 65 })
// @ts-expect-error there is no such side
createMediaUrls('').attachment('1/a.png', { width: 1, height: 1, gravity: 'left' })
`
/**
 * The TypeScript code that the playground shows, for every parameter with the example of its guide, and for a
 * colour of digits only.
 */
const SHOWN = (['asset', 'transformation'] as const).flatMap((family) =>
  [
    ...parametersOf(family).map(({ example }) => example),
    ...['background=000000', 'pad=20', 'quality=75'],
  ].map((query) => {
    const source = family === 'asset' ? '/avatars/1/abc.webp' : '/attachments/1/2/a.png'
    const parameters = Object.fromEntries(new URLSearchParams(query))
    const [, call = ''] = snippet('TypeScript', source, { source, parameters }).split(/ = (?=media)/)
    return `createMediaUrls('').${call.replace('media.', '')}\n`
  }),
)
const NAMES = '{ type AssetSize, assetSizeFor, createExternalUrls, createMediaUrls, placeholderDataUrl }'
const USE = `import ${NAMES} from '@media-proxy/client'\n${CALLS}${SHOWN.join('')}`
const SIGN = `createExternalUrls({ baseUrl: '', secretKey: 'secret' }).sign('https://example.com/')`
const SIGNED = '/external/jkGeYYCiqJ67eS5T6lWJ4eQ77pwIaf6yoXXF5LncsHY/v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8'

const PRINTS = `import { createExternalUrls } from '@media-proxy/client'\nconsole.log(await ${SIGN})`

function isThere(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0
}

describe('the client package', () => {
  let directory: string
  const installed = (path: string) => join(directory, 'node_modules/@media-proxy/client', path)
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: directory, encoding: 'utf8' })

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-client-'))
    const types = run(process.execPath, TSC, '-b', join(ROOT, 'shared'))
    expect(types.status, types.stdout).toBe(0)
    await buildClient(join(directory, 'package'))
    const packed = run('npm', 'pack', './package', '--json')
    expect(packed.status, packed.stderr).toBe(0)
    await rm(join(directory, 'package'), { recursive: true })
    await writeFile(join(directory, 'package.json'), '{ "private": true }')
    const [{ filename }] = JSON.parse(packed.stdout)
    const install = run('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${filename}`)
    expect(install.status, install.stderr).toBe(0)
  })
  afterAll(() => rm(directory, { recursive: true }))

  it('contains its licence and readme, and imports nothing', async () => {
    expect(await readFile(installed('LICENSE'), 'utf8')).toContain('Apache License')
    expect(await readFile(installed('README.md'), 'utf8')).toContain('npm install @media-proxy/client')
    const manifest = JSON.parse(await readFile(installed('package.json'), 'utf8'))
    expect(manifest).toMatchObject({ license: 'Apache-2.0', sideEffects: false, engines: { node: '>=20.3' } })
    expect(manifest).not.toHaveProperty('private')
    expect(manifest).not.toHaveProperty('dependencies')
    for (const module of ['index.js', 'index.cjs']) {
      expect(await readFile(installed(module), 'utf8')).not.toMatch(/^import |\brequire\(|node:/m)
    }
  })

  it.each([
    ['use.mjs', PRINTS],
    ['use.cjs', `const { createExternalUrls } = require('@media-proxy/client')\n${SIGN}.then(console.log)`],
  ])('runs in Node as %s', async (file, text) => {
    await writeFile(join(directory, file), text)
    const { stderr, stdout } = run(process.execPath, file)
    expect([stderr, stdout.trim()]).toEqual(['', SIGNED])
  })

  it.skipIf(!isThere('bun'))('runs in Bun (skipped without Bun)', async () => {
    await writeFile(join(directory, 'other.mjs'), PRINTS)
    expect(run('bun', 'other.mjs').stdout.trim()).toBe(SIGNED)
  })

  it.skipIf(!isThere('deno'))('runs in Deno (skipped without Deno)', async () => {
    await writeFile(join(directory, 'other.mjs'), PRINTS)
    // It has no permission for the network, for files or for the environment.
    expect(run('deno', 'run', '--no-prompt', '--cached-only', 'other.mjs').stdout.trim()).toBe(SIGNED)
  })

  it('runs in Workers', async () => {
    const miniflare = new Miniflare({
      modules: [
        {
          type: 'ESModule',
          path: 'main.mjs',
          contents: `import { createExternalUrls } from './client.mjs'
            export default { async fetch() { return new Response(await ${SIGN}) } }`,
        },
        { type: 'ESModule', path: 'client.mjs', contents: await readFile(installed('index.js'), 'utf8') },
      ],
      compatibilityDate: '2026-07-01',
      cf: false,
    })
    expect(await (await miniflare.dispatchFetch('http://localhost/')).text()).toBe(SIGNED)
    await miniflare.dispose()
  })

  it.each([
    ['use.mts', 'node16', 'node16'],
    ['use.cts', 'node16', 'node16'],
    ['use.mts', 'nodenext', 'nodenext'],
    ['use.cts', 'nodenext', 'nodenext'],
    ['use.ts', 'esnext', 'bundler'],
  ])('has self-contained types: %s, module %s, resolution %s', async (file, module, resolution) => {
    await writeFile(join(directory, file), USE)
    const options = {
      module,
      moduleResolution: resolution,
      target: 'es2022',
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      lib: ['es2024', 'dom'],
      types: [],
    }
    await writeFile(
      join(directory, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: [file] }),
    )
    const { stdout, status } = run(process.execPath, TSC, '-p', '.')
    expect([stdout, status]).toEqual(['', 0])
  })
})
