/** The dependency rules of the code: which folder may import from which. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const ORIGIN = join(ROOT, 'origin/src')

/** Libraries that open media, in native code or in WebAssembly. */
const MEDIA_LIBRARIES = ['sharp', 'node-av', 'libheif-js', 'onnxruntime-node']

function sourcesOf(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules') && /(?<!\.test(-data)?)\.ts$/.test(name))
    .map((name) => join(ROOT, folder, name))
}

/** Returns the modules that a file imports, including types and dynamic imports. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  const names = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+|\brequire\(\s*)'([^']+)'/g)
  return [...names].map(([, name = '']) => name)
}

/** Returns the absolute path of a file that is imported from a file of this repository. Undefined for packages. */
function fileOf(name: string, importer: string): string | undefined {
  if (name.startsWith('.')) return normalize(join(dirname(importer), name))
  const [, workspace, path] = /^@media-proxy\/([^/]+)\/(.+\.ts)$/.exec(name) ?? []
  return path === undefined ? undefined : join(ROOT, `${workspace}/src`, path)
}

/** Returns everything that can be reached from a node of a graph over at least one edge. */
function reachedFrom(start: string, graph: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const reached = new Set<string>()
  const waiting = [...(graph.get(start) ?? [])]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue
    reached.add(next)
    waiting.push(...(graph.get(next) ?? []))
  }
  return reached
}

describe('the files', () => {
  const folders = ['shared/src', 'origin/src', 'edge-worker/src', 'playground/src', 'server/src', 'scripts']
  const files = folders.flatMap(sourcesOf)
  const imports = new Map(
    files.map((file) => [file, new Set(importsOf(file).flatMap((name) => fileOf(name, file) ?? []))]),
  )

  it('are found', () => {
    expect(imports.size).toBeGreaterThan(300)
    expect(imports.get(join(ORIGIN, 'app.ts'))).toContain(join(ROOT, 'shared/src/request/parse.ts'))
  })

  it('import none that imports them back, not even a type', () => {
    const cyclic = files.filter((file) => reachedFrom(file, imports).has(file))
    expect(cyclic.map((file) => relative(ROOT, file))).toEqual([])
  })
})

describe('the folders of the origin', () => {
  const below = new Map<string, Set<string>>()
  for (const file of sourcesOf('origin/src')) {
    const room = relative(ORIGIN, dirname(file))
    // The files at the top assemble the folders.
    if (room === '') continue
    const known = below.get(room) ?? new Set<string>()
    below.set(room, known)
    for (const name of importsOf(file)) {
      if (!name.startsWith('.')) continue
      const other = relative(ORIGIN, dirname(normalize(join(dirname(file), name))))
      if (other !== room) known.add(other)
    }
  }

  it('are found', () => {
    expect(below.size).toBeGreaterThan(15)
  })

  it('do not import the files that assemble them', () => {
    expect([...below].filter(([, others]) => others.has('')).map(([room]) => room)).toEqual([])
  })

  it.each([...below.keys()])('%s is imported by nothing that it imports', (room) => {
    const reached = reachedFrom(room, below)
    expect(reached.has(room)).toBe(false)
  })
})

describe('media', () => {
  const isLibrary = (name: string) =>
    MEDIA_LIBRARIES.some((library) => name === library || name.startsWith(`${library}/`))

  it('is opened only in engine processes', () => {
    const openers = sourcesOf('origin/src').filter((file) => importsOf(file).some(isLibrary))
    const rooms = new Set(openers.map((file) => relative(ORIGIN, file).split('/').slice(0, 2).join('/')))
    expect([...rooms]).toEqual(['engine/process'])
  })

  it('is opened by code that the server does not import', () => {
    const inProcess = (file: string) => relative(ORIGIN, file).startsWith('engine/process/')
    const loaders = sourcesOf('origin/src').filter(
      (file) =>
        !inProcess(file) &&
        importsOf(file).some(
          (name) => name.startsWith('.') && inProcess(normalize(join(dirname(file), name))),
        ),
    )
    expect(loaders.map((file) => relative(ORIGIN, file))).toEqual([])
  })
})

it('shared code runs in every runtime', () => {
  const users = sourcesOf('shared/src').filter((file) =>
    importsOf(file).some((name) => name.startsWith('node:') || name.startsWith('cloudflare:')),
  )
  expect(users.map((file) => relative(ROOT, file))).toEqual([])
})

it('workers are tested only with a harness that makes no other connections', () => {
  const harnesses = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      name.endsWith('.ts') &&
      !name.includes('node_modules') &&
      /import \{[^}]*\bcreateTestHarness\b/.test(readFileSync(join(ROOT, 'test', name), 'utf8')),
  )
  expect(harnesses).toEqual(['worker-harness.ts'])
})
