/** Runs `pnpm diagnose` on setups with one fault each: it reports the fault and the fix, and exits with 1. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, type Server } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Finding } from '@media-proxy/scripts/diagnose/finding.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openS3Server } from '../services.ts'
import { answering, awsBucket, reject } from '../stores/aws-server.ts'

const ROOT = join(import.meta.dirname, '../..')
const SECRETS = 'MEDIA_PROXY_SECRET_KEY=one\nMEDIA_PROXY_EDGE_SECRET_KEY=two\n'
/** A user without permissions, for whom a locked folder is inaccessible. */
const NOBODY = 65_534

interface Diagnosis {
  readonly code: number | null
  readonly ok: boolean
  readonly findings: readonly Finding[]
  readonly text: string
  /** The output on standard error. */
  readonly stderr: string
}

describe('pnpm diagnose', () => {
  let directory: string
  let s3: Awaited<ReturnType<typeof openS3Server>>
  let audio: Readonly<Record<string, string>>

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-diagnose-'))
    await Promise.all(['cdn', 'uploads'].map((bucket) => mkdir(join(directory, bucket))))
    await writeFile(join(directory, 'variables'), SECRETS)
    await writeFile(join(directory, 'others'), SECRETS.replace('two', 'three'))
    await chmod(directory, 0o755)
    s3 = await openS3Server()
    audio = {
      MEDIA_PROXY_STORAGE_DIR: directory,
      MEDIA_PROXY_SECRET_KEY: 'one',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'two',
      MEDIA_PROXY_PORT: '0',
      EDGE_PORT: '0',
    }
  })
  afterAll(async () => {
    await s3.close()
    await rm(directory, { recursive: true })
  })

  const s3Settings = (changes: Readonly<Record<string, string>> = {}) => ({
    MEDIA_PROXY_S3_ENDPOINT: s3.endpoint,
    MEDIA_PROXY_S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    MEDIA_PROXY_S3_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    MEDIA_PROXY_NSFW_ENABLED: 'false',
    ...changes,
  })

  async function diagnose(
    changes: Readonly<Record<string, string>> = {},
    { variables = 'variables', asNobody = false, args = ['--json'] }: DiagnoseOptions = {},
  ): Promise<Diagnosis> {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'scripts/diagnose.ts'), ...args, '--edge-variables', join(directory, variables)],
      {
        env: { PATH: process.env.PATH, HOME: directory, ...audio, ...changes },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(asNobody ? { uid: NOBODY, gid: NOBODY } : {}),
      },
    )
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const stderrChunks: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => stderrChunks.push(chunk))
    const [code] = await once(child, 'close')
    const text = Buffer.concat(chunks).toString()
    const stderr = Buffer.concat(stderrChunks).toString()
    return {
      code,
      text,
      stderr,
      ...(args.includes('--json') ? JSON.parse(text) : { ok: false, findings: [] }),
    }
  }

  /** Expects exactly one failure and returns it. */
  async function fault(...args: Parameters<typeof diagnose>): Promise<Finding | undefined> {
    const { code, ok, findings } = await diagnose(...args)
    expect([code, ok]).toEqual([1, false])
    const failures = findings.filter(({ state }) => state === 'failed')
    expect(failures.map(({ check }) => check)).toHaveLength(1)
    expect(failures[0]?.fix).toMatch(/\w/)
    return failures[0]
  }

  it('finds no fault in a correct setup, and exits with 0', async () => {
    const folder = await diagnose()
    expect(folder.findings.filter(({ state }) => state === 'failed')).toEqual([])
    expect([folder.code, folder.ok, folder.stderr]).toEqual([0, true, ''])
    const bucket = await diagnose(s3Settings())
    expect(bucket.findings.filter(({ state }) => state === 'failed')).toEqual([])
    expect(bucket.findings).toContainEqual({ check: 'bucket cdn', state: 'ok', found: 'readable' })
    expect(bucket.text + folder.text).not.toContain(s3.credentials.secretAccessKey)
  })

  it('reports a wrong secret of the store', async () => {
    const { findings } = await diagnose(s3Settings({ MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'wrong' }))
    const denied = findings.filter(({ state }) => state === 'failed')
    expect(denied.map(({ check }) => check)).toEqual(['bucket cdn', 'bucket uploads'])
    expect(denied[0]).toMatchObject({
      found: expect.stringMatching(/rejected the credentials/),
      fix: expect.stringMatching(/the secret belongs to the access key/),
    })
  })

  it.each([
    [
      'a wrong region',
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
      /is in the region eu-west-1/,
      /MEDIA_PROXY_S3_ENDPOINT .*s3\.eu-west-1\.amazonaws\.com.* MEDIA_PROXY_S3_REGION to eu-west-1/,
    ],
    ['an unknown redirect', { status: 302, code: '' }, /redirects \(302\)/, /MEDIA_PROXY_S3_ENDPOINT/],
    [
      'an expired session token',
      { status: 400, code: 'ExpiredToken' },
      /session token is expired/,
      /MEDIA_PROXY_S3_SESSION_TOKEN.*MEDIA_PROXY_S3_CREDENTIALS=chain/,
    ],
    ['an unknown access key', { status: 403, code: 'InvalidAccessKeyId' }, /access key/, /S3_ACCESS_KEY_ID/],
    ['an overloaded store', { status: 503, code: 'SlowDown' }, /overloaded \(SlowDown\)/, /request rate/],
    ['a clock that it rejects', { status: 403, code: 'RequestTimeTooSkewed' }, /clock/, /timedatectl/],
    ['a server without S3', { status: 400, code: '' }, /S3 answered 400/, /speaks S3/],
  ])('reports %s, and how to fix it', async (_, rejection, found, fix) => {
    const store = await answering((request, response) => reject(request, response, rejection))
    const { findings, text } = await diagnose(s3Settings({ MEDIA_PROXY_S3_ENDPOINT: store.endpoint }))
    await store.close()
    expect(findings.find(({ check }) => check === 'bucket cdn')).toMatchObject({
      state: 'failed',
      found: expect.stringMatching(found),
      fix: expect.stringMatching(fix),
    })
    expect(text).not.toMatch(/AWS4-HMAC|Signature=/)
  })

  it('accepts a store that sends neither ETag nor date, or that denies listing', async () => {
    const silent = await answering((_, response) => response.end('x'))
    const unlisted = await answering(awsBucket({ objects: {}, mayList: false }))
    for (const { endpoint } of [silent, unlisted]) {
      const { findings } = await diagnose(s3Settings({ MEDIA_PROXY_S3_ENDPOINT: endpoint }))
      expect(findings.find(({ check }) => check === 'bucket cdn')).toMatchObject({ state: 'ok' })
    }
    await Promise.all([silent.close(), unlisted.close()])
  })

  it('ignores a newline at the end of a key', async () => {
    const { accessKeyId, secretAccessKey } = s3.credentials
    const { findings } = await diagnose(
      s3Settings({
        MEDIA_PROXY_S3_ACCESS_KEY_ID: `${accessKeyId}\n`,
        MEDIA_PROXY_S3_SECRET_ACCESS_KEY: `${secretAccessKey}\r\n`,
      }),
    )
    expect(findings).toContainEqual({ check: 'bucket cdn', state: 'ok', found: 'readable' })
  })

  it('reports an unreachable store', async () => {
    const { findings } = await diagnose(s3Settings({ MEDIA_PROXY_S3_ENDPOINT: 'http://127.0.0.1:9' }))
    expect(findings.find(({ check }) => check === 'bucket cdn')).toMatchObject({
      state: 'failed',
      found: expect.stringMatching(/127\.0\.0\.1:9 cannot be reached/),
      fix: expect.stringMatching(/MEDIA_PROXY_S3_ENDPOINT/),
    })
  })

  it('reports a bucket that does not exist', async () => {
    expect(await fault(s3Settings({ MEDIA_PROXY_S3_BUCKET_UPLOADS: 'nowhere' }))).toMatchObject({
      check: 'bucket nowhere',
      fix: expect.stringMatching(/create the bucket, or set MEDIA_PROXY_S3_BUCKET_UPLOADS/),
    })
  })

  it('reports a missing FFmpeg when nothing else decodes videos', async () => {
    expect(await fault({ FFMPEG_PATH: '/nowhere/ffmpeg', MEDIA_PROXY_ENGINE_LIBAV: 'false' })).toMatchObject({
      check: 'FFmpeg',
      found: expect.stringContaining('/nowhere/ffmpeg'),
      fix: expect.stringContaining('apt-get install ffmpeg'),
    })
  })

  it('reports a broken model', async () => {
    await writeFile(join(directory, 'broken.onnx'), 'no model')
    expect(await fault({ MEDIA_PROXY_NSFW_MODEL_PATH: join(directory, 'broken.onnx') })).toMatchObject({
      check: 'NSFW model',
      fix: expect.stringContaining('MEDIA_PROXY_NSFW_MODEL_PATH'),
    })
  })

  it('reports a port that another program uses', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    expect(await fault({ MEDIA_PROXY_PORT: String(port) })).toMatchObject({
      check: 'origin port',
      found: expect.stringContaining(`127.0.0.1:${port} is taken`),
      fix: expect.stringContaining('MEDIA_PROXY_PORT'),
    })
    other.close()
  })

  it('reports a wrong clock', async () => {
    const store = await openStoreOfAnotherTime(20 * 60)
    const { findings } = await diagnose(s3Settings({ MEDIA_PROXY_S3_ENDPOINT: urlOf(store) }))
    expect(findings.find(({ check }) => check === 'clock')).toMatchObject({
      state: 'failed',
      found: expect.stringMatching(/^1[12]\d\d s behind the store/),
      fix: expect.stringContaining('set the clock'),
    })
    store.close()
    const punctual = await openStoreOfAnotherTime(0)
    const { findings: same } = await diagnose(s3Settings({ MEDIA_PROXY_S3_ENDPOINT: urlOf(punctual) }))
    expect(same.find(({ check }) => check === 'clock')?.state).toBe('ok')
    punctual.close()
  })

  it('reports secrets that differ between the edge and the origin, without showing them', async () => {
    const found = await fault({}, { variables: 'others' })
    expect(found).toMatchObject({
      check: 'worker edgeSecretKey',
      fix: expect.stringContaining('wrangler secret put MEDIA_PROXY_EDGE_SECRET_KEY'),
    })
    expect(found?.found).not.toMatch(/two|three/)
  })

  it('reports an unreadable folder', async () => {
    await mkdir(join(directory, 'locked'), { mode: 0o000 })
    const found = await fault(
      { MEDIA_PROXY_S3_BUCKET_CDN: 'locked', MEDIA_PROXY_NSFW_ENABLED: 'false' },
      { asNobody: process.getuid?.() === 0 },
    )
    expect(found).toMatchObject({
      check: 'store folder',
      found: expect.stringMatching(/locked is not readable \(EACCES\)/),
      fix: expect.stringContaining('chmod'),
    })
  })

  it.skipIf(process.getuid?.() !== 0)('reports unreadable files, and continues', async () => {
    const files = [join(directory, 'secrets.json'), join(directory, 'locked-variables')]
    for (const file of files) {
      await writeFile(file, '{}')
      await chmod(file, 0o600)
    }
    const { code, findings } = await diagnose({}, { variables: 'locked-variables', asNobody: true })
    expect(findings.filter(({ check }) => check === 'file').map(({ found }) => found)).toEqual(
      files.map((file) => `${file} cannot be read (EACCES)`),
    )
    expect(findings.at(-1)?.check).toBe('NSFW model')
    expect(code).toBe(0)
    await Promise.all(files.map((file) => rm(file)))
  })

  it('reports invalid secrets of pnpm start', async () => {
    await writeFile(join(directory, 'secrets.json'), 'not JSON')
    const { findings } = await diagnose()
    expect(findings[0]).toMatchObject({ check: 'file', state: 'warning' })
    await rm(join(directory, 'secrets.json'))
  })

  it('writes to the renditions bucket, and removes what it wrote', async () => {
    await mkdir(join(directory, 'renditions'))
    const well = await diagnose({ MEDIA_PROXY_S3_BUCKET_RENDITIONS: 'renditions' })
    expect(well.findings).toContainEqual({
      check: 'writing to renditions',
      state: 'ok',
      found: 'written and removed',
    })
    const left = await readdir(join(directory, 'renditions'), { recursive: true, withFileTypes: true })
    expect(left.filter((entry) => entry.isFile())).toEqual([])
    await rm(join(directory, 'renditions'), { recursive: true })
    const missing = await diagnose(s3Settings({ MEDIA_PROXY_S3_BUCKET_RENDITIONS: 'no-such-bucket' }))
    expect(missing.findings.find(({ check }) => check === 'writing to no-such-bucket')?.state).toBe('failed')
  })

  it('reports trusted proxies that include everyone or nobody, and an upload secret that opens more than uploads', async () => {
    const secret = Buffer.alloc(32, 7).toString('base64')
    const { findings } = await diagnose({
      MEDIA_PROXY_TRUSTED_PROXIES: '0.0.0.0/0',
      MEDIA_PROXY_UPLOAD_RELAY_SECRET: secret,
      MEDIA_PROXY_ATTACHMENT_SECRETS: secret,
    })
    const stateOf = (check: string) => findings.find((finding) => finding.check === check)?.state
    expect([stateOf('trusted proxies'), stateOf('relay secret')]).toEqual(['warning', 'warning'])
    expect(findings.map(({ found }) => found).join()).not.toContain(secret)
    const faulty = await fault({ MEDIA_PROXY_TRUSTED_PROXIES: '10.0.0.0/8,proxy.local' })
    expect(faulty).toMatchObject({ check: 'configuration', found: expect.stringMatching(/proxy\.local/) })
  })

  it('reports every fault of an invalid configuration', async () => {
    const { findings } = await diagnose({ MEDIA_PROXY_PORT: 'x', MEDIA_PROXY_STORAGE: 'tape' })
    const faults = findings.filter(({ check, state }) => check === 'configuration' && state === 'failed')
    expect(faults.map(({ found }) => found.split(':')[0])).toEqual([
      'MEDIA_PROXY_PORT',
      'MEDIA_PROXY_STORAGE',
    ])
    expect(faults[0]?.fix).toContain('docs/configuration.md')
  })

  it('prints a readable table, and explains unknown arguments', async () => {
    const { text, code } = await diagnose(
      { FFMPEG_PATH: '/nowhere', MEDIA_PROXY_ENGINE_LIBAV: 'false' },
      { args: [] },
    )
    expect(code).toBe(1)
    expect(text).toMatch(/^FAILED {3}FFmpeg .*\n +→ install FFmpeg/m)
    expect(text).toMatch(/\n1 failed, \d warnings\.\n$/)
    expect((await diagnose({}, { args: ['--nonsense'] })).code).toBe(2)
  })
})

interface DiagnoseOptions {
  readonly variables?: string
  readonly asNobody?: boolean
  readonly args?: readonly string[]
}

/** Starts a store without objects, whose clock is ahead of this machine by this number of seconds. */
async function openStoreOfAnotherTime(seconds: number): Promise<Server> {
  const server = createHttpServer((_, response) => {
    response.sendDate = false
    response.writeHead(404, { date: new Date(Date.now() + seconds * 1000).toUTCString() }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
