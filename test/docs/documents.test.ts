/** The documents refer only to existing links, paths, tests, settings and commands. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as client from '@media-proxy/shared/client/index.ts'
import {
  AWS_VARIABLES,
  INHERITED_MEMBERS,
  INHERITED_VARIABLES,
} from '@media-proxy/shared/config/inherited.ts'
import { listSettings } from '@media-proxy/shared/config/load.ts'
import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const DOCUMENTS = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'client/README.md', 'server/README.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
/**
 * The settings, the variable for the configuration file, and variables that are used only in
 * deploy/compose.yaml.
 */
const SETTINGS = new Set([
  ...listSettings().map(({ variable }) => variable),
  ...['MEDIA_PROXY_CONFIG', 'MEDIA_PROXY_SITE', 'MEDIA_PROXY_ORIGIN', 'MEDIA_PROXY_IMAGE'],
])
const SCRIPTS: Readonly<Record<string, string>> = JSON.parse(read('package.json')).scripts
/** Commands of pnpm itself. */
const PNPM_COMMANDS = new Set(['install', 'exec'])
const ROOMS = /^(shared|client|server|edge-worker|origin|playground|scripts|test|docs)\//

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document)
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)

  it('links only to existing targets', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="(docs[^"]+)"/g)].map(
      ([, a, b]) => a ?? b ?? '',
    )
    const broken = links
      .filter((link) => !/^(https?:|#)/.test(link))
      .filter((link) => !existsSync(join(ROOT, dirname(document), link.split('#')[0] ?? '')))
    expect(broken).toEqual([])
  })

  it('names only existing paths', () => {
    const paths = spans.filter((span) => ROOMS.test(span) && !/[\s*<>…]/.test(span))
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('names tests by their exact titles', () => {
    for (const [, file = '', name = ''] of text.matchAll(/`([^`\n]+\.test\.ts)` › `([^`\n]+)`/g)) {
      expect(read(file), `${file} › ${name}`).toContain(name)
    }
  })

  it('names only existing settings and commands', () => {
    const settings = (text.match(/(?<!FLUXER_)MEDIA_PROXY_[A-Z0-9_]+/g) ?? []).filter(
      (name) => !name.endsWith('_'),
    )
    expect(settings.filter((name) => !SETTINGS.has(name))).toEqual([])
    const commands = [...text.matchAll(/\bpnpm(?:@12)? ([a-z:]+)/g)].map(([, command = '']) => command)
    const own = commands.filter(
      (command) => text.includes(`\`pnpm ${command}`) || text.includes(`pnpm@12 ${command}`),
    )
    expect(own.filter((command) => !Object.hasOwn(SCRIPTS, command) && !PNPM_COMMANDS.has(command))).toEqual(
      [],
    )
  })
})

it('every parameter except audio has its section and two images', () => {
  const text = read('docs/urls.md')
  for (const { name } of PARAMETER_GUIDE.filter((parameter) => parameter.name !== 'audio')) {
    const images = [...text.matchAll(new RegExp(`\\(pictures/(${name}(?:-without)?\\.\\w+)\\)`, 'g'))]
    expect(images, name).toHaveLength(2)
    expect(text).toContain(`\n### ${name}\n`)
  }
})

describe('docs/migration.md', () => {
  it('lists every setting that is read from other programs', () => {
    const page = read('docs/migration.md')
    const names = [
      ...[...INHERITED_VARIABLES, ...AWS_VARIABLES].map(({ from, path }) => `\`${from}\` | \`${path}\``),
      ...INHERITED_MEMBERS.map(({ member, path }) => `\`${member}\` | \`${path}\``),
    ]
    // The formatter pads the cells of tables.
    const cells = page.replaceAll(/ +\|/g, ' |')
    expect(names.filter((name) => !cells.includes(name))).toEqual([])
  })
})

it.each(['client/README.md', 'docs/recipes.md'])('%s names every function of the client', (document) => {
  const makers = Object.keys(client).filter((name) => /^create/.test(name))
  expect(makers.filter((name) => !read(document).includes(`| \`${name}(`))).toEqual([])
})
