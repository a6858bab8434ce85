/**
 * Starts the origin as deploy/compose.yaml and the Dockerfile do, but without Docker: in the tree that the
 * steps of the Dockerfile make, with their environment and command, on a read-only root with a temporary
 * /tmp, and behind a trusted proxy.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { bytesOf, LIBAV, makeProductionTree } from '@media-proxy/scripts/production-tree.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openS3Server } from '../services.ts'
import { until } from '../until.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const GIVEN: Readonly<Record<string, string>> = {
  MEDIA_PROXY_SECRET_KEY: 'a long random text',
  MEDIA_PROXY_SITE: 'media.example.com',
}

/** The maximum size of the packages and code in the image, without the optional libav. */
const MAX_TREE_BYTES = 160e6

const temporary = mkdtempSync(join(tmpdir(), 'media-proxy-tree-'))
const TREE = join(temporary, 'app')

const NODE = realpathSync(process.execPath)

/**
 * Sets up a mount namespace: an empty /tmp, everything else
 * read-only, including the tree and Node when they are in /tmp.
 */
const READ_ONLY = [
  'mount --make-rprivate /',
  'mount --bind "$0" /mnt',
  'mount --bind "$1" /media',
  'mount -t tmpfs tmpfs /tmp',
  'mkdir -p "$0" "$1"',
  'mount --bind /mnt "$0"',
  'mount --bind /media "$1"',
  'mount -o remount,bind,ro "$0"',
  'mount -o remount,bind,ro /',
  'cd "$0"',
  'shift',
  'exec "$@"',
].join(' && ')
const inNamespace = (folder: string, command: readonly string[]) => [
  '--mount',
  'sh',
  '-c',
  READ_ONLY,
  folder,
  dirname(NODE),
  ...command,
]
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', inNamespace(temporary, ['true']), { stdio: 'ignore' }).status === 0

function composeEnvironment(): Record<string, string> {
  const [document] = parseAllDocuments(readFileSync(join(ROOT, 'deploy/compose.yaml'), 'utf8'), {
    merge: true,
  })
  const compose = document?.toJS() as { services: { origin: { environment: Record<string, string> } } }
  const entries = Object.entries(compose.services.origin.environment).map(([name, value]) => [
    name,
    String(value).replaceAll(
      /\$\{(\w+):([?-])([^}]*)\}/g,
      (_, variable: string, kind: string, rest: string) =>
        GIVEN[variable] ?? (kind === '-' ? rest : `given ${variable}`),
    ),
  ])
  return Object.fromEntries(entries)
}

interface Image {
  readonly environment: Record<string, string>
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
}

/** Returns the `ENV` of the image and its commands, run with the Node that runs the tests. */
function image(): Image {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const environment = [...text.matchAll(/^(?:ENV| {2})\s*(MEDIA_PROXY_\w+)=(\S+)/gm)].map(
    ([, name = '', value = '']) => [name, value],
  )
  const args = (pattern: RegExp): readonly string[] => {
    const [program, ...rest] = JSON.parse(pattern.exec(text)?.[1] ?? '[]')
    expect(program).toBe('node')
    return [NODE, ...rest]
  }
  return {
    environment: Object.fromEntries(environment),
    command: args(/^CMD (\[.*\])$/m),
    healthCheck: args(/^HEALTHCHECK [^\n]*\n +CMD (\[.*\])$/m),
  }
}

beforeAll(() => makeProductionTree(TREE))
afterAll(() => rmSync(temporary, { recursive: true }))

describe('the file tree of the image', () => {
  it('contains the binaries of one platform, and nothing unnecessary', () => {
    const binaries = globSync('node_modules/.pnpm/**/{onnxruntime_binding,node-av}.node', { cwd: TREE })
    const foreign = binaries.filter((path) => !path.includes(join(process.platform, process.arch)))
    expect(foreign.filter((path) => !path.includes(`${process.platform}-${process.arch}`))).toEqual([])
    expect(binaries.filter((path) => path.includes('onnxruntime'))).toHaveLength(1)
    expect(bytesOf(TREE, LIBAV)).toBeLessThan(MAX_TREE_BYTES)
  })

  it('contains no code for tests and builds', () => {
    expect(globSync('**/*.test.ts', { cwd: TREE })).toEqual([])
    expect(globSync('node_modules/.pnpm/{wrangler,typescript,vitest,@tensorflow}*', { cwd: TREE })).toEqual(
      [],
    )
  })
})

describe.skipIf(!canMount)('the origin of compose.yaml (needs Linux, and the right to mount)', () => {
  let child: ChildProcess | undefined
  afterAll(() => {
    child?.kill('SIGKILL')
  })

  it('serves an image from the store on a read-only root, and knows the addresses of its clients', async () => {
    const s3 = await openS3Server()
    await s3.put('avatars/1/a', await halvesPng(64, 48))
    const { environment, command, healthCheck } = image()
    child = spawn('unshare', inNamespace(TREE, command), {
      cwd: TREE,
      env: {
        PATH: process.env.PATH,
        ...environment,
        ...composeEnvironment(),
        MEDIA_PROXY_HOST: '127.0.0.1',
        MEDIA_PROXY_PORT: '0',
        MEDIA_PROXY_S3_ENDPOINT: s3.endpoint,
        MEDIA_PROXY_S3_REGION: 'auto',
        MEDIA_PROXY_S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
        MEDIA_PROXY_S3_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
        MEDIA_PROXY_TRUSTED_PROXIES: '127.0.0.1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let log = ''
    child.stdout?.on('data', (text) => (log += text))
    const portOf = () => /"port":(\d+).*"listening"/.exec(log)?.[1]
    await until(() => Promise.resolve(portOf() !== undefined))
    const url = `http://127.0.0.1:${portOf()}`
    await until(async () => (await send(url, '/_ready')).status === 200)
    // The model and libav are loaded from the tree, so pruning has removed nothing that they need.
    await until(() => log.includes('the NSFW model is loaded') && log.includes('libav decodes videos'))
    const [program = '', ...args] = healthCheck
    const healthy = (port: string | undefined) =>
      spawnSync(program, args, { env: { MEDIA_PROXY_PORT: port } }).status
    expect([healthy(portOf()), healthy('1')]).toEqual([0, 1])
    const headers = { 'x-forwarded-for': '198.51.100.7', host: 'media.example.com' }
    const { status, headers: answered } = await send(url, '/avatars/1/a.webp?size=32', { headers })
    expect([status, answered['content-type']]).toEqual([200, 'image/webp'])
    // The clients of the proxy have separate rate limits.
    expect(Number(answered['ratelimit-remaining'])).toBeGreaterThan(900)
    expect(log).not.toContain('MEDIA_PROXY_TRUSTED_PROXIES does not name')
    child.kill('SIGTERM')
    await until(() => Promise.resolve(child?.exitCode !== null || child?.signalCode !== null))
    await s3.close()
  })
})
