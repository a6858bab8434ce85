/**
 * `pnpm build:tree [folder]`: builds the file tree of the image without Docker and reports its size. It runs
 * those steps of the Dockerfile that do not concern the system. The folder must not exist. Without one, the
 * tree is removed again.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './origin-process.ts'

/** Steps that need the system of the image. */
const OF_THE_SYSTEM = /apt-get|chown/

/** Builds the tree in a new folder. Throws when a step fails. */
export function makeProductionTree(folder: string): void {
  mkdirSync(folder)
  let environment: NodeJS.ProcessEnv = { ...process.env }
  for (const [instruction, rest] of instructions()) {
    if (instruction === 'COPY' && !rest.startsWith('--from')) copy(rest, folder)
    if (instruction === 'ENV') environment = { ...environment, ...settingsOfTheBuild(rest) }
    if (instruction === 'RUN' && !OF_THE_SYSTEM.test(rest)) run(rest, folder, environment)
  }
}

/** Returns the disk usage of a folder, in bytes. `except` is a pattern of paths that do not count. */
export function bytesOf(folder: string, except?: string): number {
  const words = ['-sB1', ...(except === undefined ? [] : [`--exclude=${except}`]), folder]
  const { stdout, status, stderr } = spawnSync('du', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`du: ${stderr}`)
  return Number(stdout.split('\t')[0])
}

/** The part of the image that is needed only to decode videos inside the service. */
export const LIBAV = '*node-av*'

/** Returns the instructions of the Dockerfile, with continued lines joined and without comments. */
function instructions(): readonly (readonly [instruction: string, rest: string])[] {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replaceAll(/^#.*\n/gm, '')
  return text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
      return [instruction, rest]
    })
}

function copy(rest: string, folder: string): void {
  const words = rest.split(/\s+/)
  const target = words.at(-1) ?? ''
  const sources = words.slice(0, -1)
  for (const source of sources) {
    // The semantics of Docker: a file is copied into a
    // folder, and the content of a folder becomes the target.
    const intoFolder = target.endsWith('/')
    const isFolder = !/\.\w+$/.test(basename(source))
    const path = isFolder ? join(folder, target) : join(folder, target, intoFolder ? basename(source) : '')
    mkdirSync(join(path, '..'), { recursive: true })
    cpSync(join(ROOT, source), path, {
      recursive: true,
      // The same exclusions as in .dockerignore.
      filter: (from) => !/\.test(-data)?\.ts$|\/node_modules(\/|$)/.test(from.slice(ROOT.length)),
    })
  }
}

/** Returns the variables that affect the installation of packages. The others are for the service. */
function settingsOfTheBuild(rest: string): NodeJS.ProcessEnv {
  const entries = rest.split(/\s+/).map((word) => word.split('=', 2))
  return Object.fromEntries(entries.filter(([name = '']) => name === 'CI'))
}

function run(command: string, cwd: string, env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr, error } = spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}\n${error?.message ?? `${stdout}${stderr}`}`)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , given] = process.argv
  const folder =
    given === undefined ? join(mkdtempSync(join(tmpdir(), 'media-proxy-tree-')), 'app') : resolve(given)
  if (existsSync(folder)) throw new Error(`${folder} is there already`)
  makeProductionTree(folder)
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  console.log(
    `the tree of the image: ${megabytes(bytesOf(folder))}, ${megabytes(bytesOf(folder, LIBAV))} without libav`,
  )
  if (given === undefined) rmSync(join(folder, '..'), { recursive: true })
}
