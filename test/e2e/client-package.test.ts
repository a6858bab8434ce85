/** The client as it would be published: alone, without this repository around it. */

import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildClient } from '@media-proxy/scripts/build-client.ts'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const USE = `
import { createExternalUrls, createMediaUrls, placeholderDataUrl } from '@media-proxy/client'
const url: string = createMediaUrls('https://media.example.com').asset('avatars', '1', 'abc', { size: 64 })
const signed: Promise<string> = createExternalUrls({ baseUrl: '', secretKey: 's' }).sign(url, { dpr: 1.5 })
export const all: readonly unknown[] = [signed, placeholderDataUrl('')]
// @ts-expect-error there is no such ratio
createMediaUrls('').emoji('1', { dpr: 4 })
`
const SIGN = `(await createExternalUrls({ baseUrl: '', secretKey: 'secret' }).sign('https://example.com/'))`
const SIGNED = '/external/jkGeYYCiqJ67eS5T6lWJ4eQ77pwIaf6yoXXF5LncsHY/v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8'

describe('the client as a package', () => {
  let directory: string
  let bundle: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-client-'))
    const types = spawnSync(process.execPath, [
      join(ROOT, 'node_modules/typescript/bin/tsc'),
      '-b',
      join(ROOT, 'shared'),
    ])
    expect(types.status, types.stdout.toString()).toBe(0)
    await buildClient(join(directory, 'node_modules/@media-proxy/client'))
    bundle = await readFile(join(directory, 'node_modules/@media-proxy/client/index.js'), 'utf8')
  })
  afterAll(() => rm(directory, { recursive: true }))

  it('imports nothing', () => {
    expect(bundle).not.toMatch(/^import |\brequire\(|node:/m)
  })

  it('runs in Node', async () => {
    await writeFile(
      join(directory, 'use.mjs'),
      `import { createExternalUrls } from '@media-proxy/client'\nconsole.log(${SIGN})`,
    )
    const run = spawnSync(process.execPath, ['use.mjs'], { cwd: directory, encoding: 'utf8' })
    expect([run.stderr, run.stdout.trim()]).toEqual(['', SIGNED])
  })

  it('runs in Workers', async () => {
    const miniflare = new Miniflare({
      modules: [
        {
          type: 'ESModule',
          path: 'main.mjs',
          contents: `import { createExternalUrls } from './client.mjs'
            export default { async fetch() { return new Response(${SIGN}) } }`,
        },
        { type: 'ESModule', path: 'client.mjs', contents: bundle },
      ],
      compatibilityDate: '2026-07-01',
      cf: false,
    })
    expect(await (await miniflare.dispatchFetch('http://localhost/')).text()).toBe(SIGNED)
    await miniflare.dispose()
  })

  it('has types that stand alone', async () => {
    await writeFile(join(directory, 'use.ts'), USE)
    const run = spawnSync(
      process.execPath,
      [
        join(ROOT, 'node_modules/typescript/bin/tsc'),
        ...[
          '--noEmit',
          '--strict',
          '--module',
          'nodenext',
          '--target',
          'es2022',
          '--lib',
          'es2024,dom',
          '--types',
          '',
          'use.ts',
        ],
      ],
      { cwd: directory, encoding: 'utf8' },
    )
    expect([run.stdout, run.status]).toEqual(['', 0])
  })
})
