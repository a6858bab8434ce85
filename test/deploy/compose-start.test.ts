/**
 * The origin as deploy/compose.yaml and the Dockerfile start it, without Docker: their environment and command, on a root
 * that is read-only, with a temporary /tmp, as a user without rights, and behind a proxy that it trusts.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { openS3Server } from '../doors.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { until } from '../until.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const GIVEN: Readonly<Record<string, string>> = {
  MEDIA_PROXY_SECRET_KEY: 'a long random text',
  MEDIA_PROXY_SITE: 'media.example.com',
}

/** A mount namespace: an empty /tmp, everything else read-only, the repository too where it lies in /tmp. */
const READ_ONLY = [
  'mount --make-rprivate /',
  'mount --bind "$0" /mnt',
  'mount -t tmpfs tmpfs /tmp',
  'mkdir -p "$0"',
  'mount --bind /mnt "$0"',
  'mount -o remount,bind,ro "$0"',
  'mount -o remount,bind,ro /',
  'cd "$0"',
  'exec "$@"',
].join(' && ')
const inNamespace = (command: readonly string[]) => ['--mount', 'sh', '-c', READ_ONLY, ROOT, ...command]
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', inNamespace(['true']), { stdio: 'ignore' }).status === 0

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

/** `ENV` of the image, and its command, of which Node is the one that runs the tests. */
function image(): { readonly environment: Record<string, string>; readonly command: readonly string[] } {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const environment = [...text.matchAll(/^(?:ENV| {2})\s*(MEDIA_PROXY_\w+)=(\S+)/gm)].map(
    ([, name = '', value = '']) => [name, value],
  )
  const command: readonly string[] = JSON.parse(/^CMD (\[.*\])$/m.exec(text)?.[1] ?? '[]')
  return { environment: Object.fromEntries(environment), command: [process.execPath, ...command.slice(1)] }
}

describe.skipIf(!canMount)('the origin of compose.yaml (needs Linux, and the right to mount)', () => {
  let child: ChildProcess | undefined
  afterAll(() => {
    child?.kill('SIGKILL')
  })

  it('serves a picture from the store on a read-only root, and knows its clients', async () => {
    const s3 = await openS3Server()
    await s3.put('avatars/1/a', await halvesPng(64, 48))
    const { environment, command } = image()
    child = spawn('unshare', inNamespace(command), {
      cwd: ROOT,
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
    const headers = { 'x-forwarded-for': '198.51.100.7', host: 'media.example.com' }
    const { status, headers: answered } = await send(url, '/avatars/1/a.webp?size=32', { headers })
    expect([status, answered['content-type']]).toEqual([200, 'image/webp'])
    // Its clients have budgets of their own.
    expect(Number(answered['ratelimit-remaining'])).toBeGreaterThan(900)
    expect(log).not.toContain('MEDIA_PROXY_TRUSTED_PROXIES does not name')
    child.kill('SIGTERM')
    await until(() => Promise.resolve(child?.exitCode !== null || child?.signalCode !== null))
    await s3.close()
  })
})
