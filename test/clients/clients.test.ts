/**
 * The clients in other languages, tested against the vectors,
 * and with the running service at the edge and at the origin.
 */

import { spawn, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { clientVectors } from '@media-proxy/scripts/documents/client-vectors.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'

const CLIENTS = join(import.meta.dirname, '../../clients')
const SECRET_KEY = 'client-secret'
const ATTACHMENT_SECRET = Buffer.alloc(32, 5).toString('base64')
const RELAY_SECRET = Buffer.alloc(32, 9).toString('base64')

interface Language {
  readonly name: string
  readonly command: string
  /** Arguments that succeed when the language is installed. */
  readonly probe: readonly string[]
  readonly args: readonly string[]
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** What is missing when the probe fails. */
  readonly needs: string
}

const LANGUAGES: readonly Language[] = [
  {
    name: 'Python',
    command: 'python3',
    probe: ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'],
    args: ['-W', 'error', '-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'],
    folder: 'python',
    environment: { PYTHONPATH: 'src', PYTHONDONTWRITEBYTECODE: '1' },
    needs: 'python3',
  },
  {
    name: 'Go',
    command: 'go',
    // Fails when the toolchain is older than go.mod requires.
    probe: ['list', '-m'],
    args: ['test', '-count=1', '-v', '.'],
    folder: 'go',
    // Nothing is downloaded, and the compiled packages are cached.
    environment: {
      GOCACHE: join(tmpdir(), 'media-proxy-go-cache'),
      GOTOOLCHAIN: 'local',
      GOPROXY: 'off',
      CGO_ENABLED: '0',
    },
    needs: 'go',
  },
  {
    name: 'Rust',
    command: 'cargo',
    // Fails when the crates are not downloaded. Tests do not download them.
    probe: ['tree', '--offline', '--locked'],
    args: ['test', '--offline', '--locked', '--', '--nocapture'],
    folder: 'rust',
    environment: { CARGO_TARGET_DIR: join(tmpdir(), 'media-proxy-cargo-target'), CARGO_TERM_COLOR: 'never' },
    needs: 'cargo with the crates of clients/rust',
  },
]

function probe({ command, probe: args, folder, environment }: Language): number | null {
  return spawnSync(command, args, { cwd: join(CLIENTS, folder), env: { ...process.env, ...environment } })
    .status
}

async function run({ command, args, folder, environment }: Language, service: Record<string, string>) {
  const child = spawn(command, args, {
    cwd: join(CLIENTS, folder),
    env: { ...process.env, ...environment, ...service },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await ended, output: output + errors }
}

it('the vectors equal those of the TypeScript client', async () => {
  expect(await clientVectors()).toBe(await readFile(join(CLIENTS, 'vectors.json'), 'utf8'))
})

describe.each([
  ['the edge', openEdge],
  ['the origin', openFilesystemOrigin],
] as const)('at %s', (_, open) => {
  let service: Service
  let far: UpstreamServer
  beforeAll(async () => {
    const image = await halvesPng(60, 40)
    far = await openUpstreamServer(files({ '/far.png': image }))
    service = await open({
      MEDIA_PROXY_SECRET_KEY: SECRET_KEY,
      MEDIA_PROXY_EDGE_SECRET_KEY: 'edge-secret',
      MEDIA_PROXY_ATTACHMENT_SIGNATURES: 'enforce',
      MEDIA_PROXY_ATTACHMENT_SECRETS: ATTACHMENT_SECRET,
      MEDIA_PROXY_UPLOAD_RELAY_SECRET: RELAY_SECRET,
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    })
    await service.put('attachments/1/ä b.png', image)
    await service.put('avatars/1/abc', image)
  })
  afterAll(async () => {
    await service.close()
    await far.close()
  })

  for (const language of LANGUAGES) {
    const isThere = probe(language) === 0
    it.skipIf(!isThere)(
      `the ${language.name} client agrees with the vectors and the service (skipped without ${language.needs})`,
      { timeout: scaleTimeout(300_000) },
      async () => {
        const { status, output } = await run(language, {
          MEDIA_PROXY_CLIENT_TEST_URL: service.url,
          MEDIA_PROXY_CLIENT_TEST_SECRET_KEY: SECRET_KEY,
          MEDIA_PROXY_CLIENT_TEST_ATTACHMENT_SECRET: ATTACHMENT_SECRET,
          MEDIA_PROXY_CLIENT_TEST_RELAY_SECRET: RELAY_SECRET,
          MEDIA_PROXY_CLIENT_TEST_FAR_URL: `${far.url}/far.png`,
        })
        expect([status, output]).toEqual([0, expect.not.stringMatching(/skip/i)])
      },
    )
  }
})
