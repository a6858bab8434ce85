import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ORIGIN_ARGUMENTS } from '@media-proxy/scripts/origin-process.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openS3Server } from '../services.ts'

/** Existing deployments, with their existing configuration. */
describe('an origin with the configuration of an existing deployment', () => {
  let s3: Awaited<ReturnType<typeof openS3Server>>
  let folder = ''

  beforeAll(async () => {
    s3 = await openS3Server()
    await s3.put('avatars/1/a', await halvesPng(64, 48))
    folder = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
    await mkdir(join(folder, 'store/cdn/avatars/1'), { recursive: true })
    await writeFile(join(folder, 'store/cdn/avatars/1/a'), await halvesPng(64, 48))
  })
  afterAll(async () => {
    await s3.close()
    await rm(folder, { recursive: true })
  })

  /** Starts the origin with only these environment variables. */
  async function serves(environment: Record<string, string>): Promise<string> {
    const child = spawn(process.execPath, ORIGIN_ARGUMENTS, {
      cwd: folder,
      env: { PATH: process.env.PATH, MEDIA_PROXY_NSFW_ENABLED: 'false', ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text))
    const exited = once(child, 'exit')
    const message = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
    if (message === undefined) throw new Error(`it ended: ${output}`)
    const [{ listening }] = message as [{ readonly listening: number }]
    const { status, headers } = await send(`http://127.0.0.1:${listening}`, '/avatars/1/a.webp?size=32')
    child.kill('SIGTERM')
    await exited
    expect([status, headers['content-type']]).toEqual([200, 'image/webp'])
    return output
  }

  const fluxer = () => ({
    s3: {
      endpoint: s3.endpoint,
      region: 'auto',
      access_key_id: s3.credentials.accessKeyId,
      secret_access_key: s3.credentials.secretAccessKey,
      buckets: { cdn: 'cdn', uploads: 'uploads', static: 'static' },
    },
    services: {
      media_proxy: {
        host: '127.0.0.1',
        port: 0,
        secret_key: 'a-secret-of-theirs',
        require_cloudflare_edge: false,
        static_mode: false,
        rate_limit: { limit: 100, window_ms: 60_000 },
      },
    },
  })

  it('starts with the file in FLUXER_CONFIG', async () => {
    const path = join(folder, 'fluxer.json')
    await writeFile(path, JSON.stringify(fluxer()))
    const output = await serves({
      FLUXER_CONFIG: path,
      NODE_ENV: 'production',
      MEDIA_PROXY_NODE_ENV: 'production',
    })
    expect(output).toContain('using FLUXER_CONFIG, s3.endpoint')
    expect(output).not.toContain('a-secret-of-theirs')
    expect(output).not.toContain(s3.credentials.secretAccessKey)
  })

  it('starts with its environment variables', async () => {
    const output = await serves({
      FLUXER_MEDIA_PROXY_PORT: '0',
      FLUXER_MEDIA_PROXY_HOST: '127.0.0.1',
      FLUXER_MEDIA_PROXY_SECRET_KEY: 'a-secret-of-theirs',
      FLUXER_S3_ENDPOINT: s3.endpoint,
      FLUXER_S3_REGION: 'auto',
      FLUXER_S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      FLUXER_S3_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      FLUXER_S3_BUCKET_CDN: 'cdn',
    })
    expect(output).toContain('using FLUXER_S3_BUCKET_CDN')
    expect(output).not.toContain('a-secret-of-theirs')
  })

  it('starts with a folder', async () => {
    await serves({ FLUXER_MEDIA_PROXY_STORAGE_ROOT: join(folder, 'store'), FLUXER_MEDIA_PROXY_PORT: '0' })
  })

  it('starts with the AWS variables', async () => {
    await serves({
      MEDIA_PROXY_PORT: '0',
      MEDIA_PROXY_STORAGE: 's3',
      AWS_ENDPOINT_URL: s3.endpoint,
      AWS_REGION: 'auto',
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    })
  })

  it('starts with the documented object in production, without an edge', async () => {
    const path = join(folder, 'documented.json')
    const { accessKeyId, secretAccessKey } = s3.credentials
    await writeFile(
      path,
      JSON.stringify({
        nodeEnv: 'production',
        port: 0,
        secretKey: 'secret',
        requireCloudflareEdge: false,
        staticMode: false,
        s3: {
          endpoint: s3.endpoint,
          region: 'auto',
          accessKeyId,
          secretAccessKey,
          bucketCdn: 'cdn',
          bucketUploads: 'uploads',
          bucketStatic: 'static',
        },
        rateLimitConfig: { enabled: true, maxAttempts: 100, windowMs: 60_000, skipPaths: ['/_health'] },
      }),
    )
    await serves({ MEDIA_PROXY_CONFIG: path })
  })

  it('does not print the content of a file that is not JSON', async () => {
    const path = join(folder, 'broken.json')
    await writeFile(path, '{"secret_key": "a-secret-of-theirs" oops')
    for (const variable of ['FLUXER_CONFIG', 'MEDIA_PROXY_CONFIG']) {
      const failed = serves({ [variable]: path })
      await expect(failed).rejects.toThrow(`${variable}: cannot read ${path}: it is no JSON`)
      await expect(failed).rejects.not.toThrow('a-secret-of-theirs')
    }
  })
})
