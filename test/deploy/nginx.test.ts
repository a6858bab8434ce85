/** The origin behind the nginx of deploy/nginx, where there is one on this machine. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FilesystemDoor, openFilesystemOrigin } from '../doors.ts'
import { halvesPng } from '../fixtures.ts'
import type { RawRequest, RawResponse } from '../http.ts'
import { until } from '../until.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'

const SITE = readFileSync(join(import.meta.dirname, '../../deploy/nginx/media-proxy.conf'), 'utf8')
const NGINX = ['nginx', '/usr/sbin/nginx'].find((path) => spawnSync(path, ['-v']).status === 0)
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const SECRET = 'secret'
const ATTEMPTS = 20

describe.skipIf(NGINX === undefined || !hasOpenssl)('behind nginx (skipped where there is none)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'media-proxy-nginx-'))
  let origin: FilesystemDoor
  let upstream: UpstreamServer
  let nginx: ChildProcess
  let port: number

  beforeAll(async () => {
    upstream = await openUpstreamServer(files({ '/a%20b.png': await halvesPng(40, 30) }))
    origin = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_TRUSTED_PROXIES: '127.0.0.1',
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: upstream.host,
      MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: String(ATTEMPTS),
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: '86400000',
    })
    await origin.put('avatars/1/a', await halvesPng(64, 48))
    port = await freePort()
    nginx = spawn(NGINX ?? '', ['-p', directory, '-c', configure()], { stdio: ['ignore', 'ignore', 'pipe'] })
    let complaint = ''
    nginx.stderr?.on('data', (text) => (complaint += text))
    await until(async () => {
      if (nginx.exitCode !== null) expect.fail(complaint)
      return ask('/_health').then(
        ({ status }) => status === 200,
        () => false,
      )
    })
  })
  afterAll(async () => {
    nginx.kill('SIGKILL')
    await origin.close()
    await upstream.close()
    rmSync(directory, { recursive: true })
  })

  /** The site with this test's address, certificate and origin, in a configuration that needs no rights. */
  function configure(): string {
    const [certificate, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=media.example.com', '-out', certificate, '-keyout', key],
    ])
    expect(made.status, made.stderr.toString()).toBe(0)
    const site = SITE.replace('server 127.0.0.1:8080', `server ${new URL(origin.url).host}`)
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replaceAll(/^\tlisten (\[::\].*|80);$/gm, '')
      .replace(/ssl_certificate \S+;/, `ssl_certificate ${certificate};`)
      .replace(/ssl_certificate_key \S+;/, `ssl_certificate_key ${key};`)
      // The server that redirects: of no port is of the default one.
      .replace('\tserver_name media.example.com;\n\treturn', `\tlisten unix:${directory}/redirect;\n\treturn`)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const path = join(directory, 'nginx.conf')
    writeFileSync(
      path,
      `daemon off;\nmaster_process off;\npid ${directory}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n` +
        temporary.map((kind) => `${kind}_temp_path ${directory}/${kind};\n`).join('') +
        `${site}}\n`,
    )
    const checked = spawnSync(NGINX ?? '', ['-p', directory, '-c', path, '-t'], { encoding: 'utf8' })
    expect(checked.stderr).toContain('test is successful')
    return path
  }

  /** One exchange by TLS from an address of this machine. */
  function ask(
    path: string,
    { from = '127.0.0.1', ...options }: RawRequest & { readonly from?: string } = {},
  ): Promise<RawResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<RawResponse>()
    const outgoing = request(
      {
        ...{ host: '127.0.0.1', port, path, agent: false, localAddress: from, rejectUnauthorized: false },
        method: options.method ?? 'GET',
        headers: { host: 'media.example.com', ...options.headers },
      },
      async (incoming) => {
        const chunks: Buffer[] = []
        for await (const chunk of incoming) chunks.push(chunk)
        const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
        resolve({
          status: incoming.statusCode ?? 0,
          headers: Object.fromEntries(headers),
          body: Buffer.concat(chunks),
        })
      },
    )
    outgoing.once('error', reject)
    outgoing.end(options.body)
    return promise
  }

  it('a picture is the same byte for byte, with its validator and its ranges', async () => {
    const path = '/avatars/1/a.webp?size=32'
    const plain = await fetch(origin.url + path)
    const proxied = await ask(path)
    expect(proxied.status).toBe(200)
    expect(proxied.body.equals(Buffer.from(await plain.arrayBuffer()))).toBe(true)
    const { etag = '' } = proxied.headers
    expect(etag).toBe(plain.headers.get('etag'))
    expect((await ask(path, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await ask(path, { headers: { range: 'bytes=0-9' } })).body).toHaveLength(10)
  })

  it('a signed path goes on as it is, with escapes and doubled slashes', async () => {
    const target = `http/${upstream.host}/a%2520b.png`
    const sign = (text: string) => createHmac('sha256', SECRET).update(text).digest('base64url')
    expect((await ask(`/external/${sign(target)}/${target}`)).status).toBe(200)
    const escaped = encodeURIComponent(`${upstream.url}/a%20b.png`)
    expect((await ask(`/external/${sign(escaped)}/${escaped}?width=20&format=webp`)).status).toBe(200)
    // A key with an empty segment is refused, and not tidied up into another.
    expect((await ask('/attachments//a.png')).status).toBe(400)
  })

  it('clients have budgets of their own, whatever they claim to be', async () => {
    const claim = (address: string) => ({ headers: { 'x-forwarded-for': address, 'x-real-ip': address } })
    const statuses = new Set<number>()
    for (let attempt = 0; attempt <= ATTEMPTS; attempt += 1) {
      const { status } = await ask('/avatars/1/none.webp', {
        from: '127.0.0.2',
        ...claim(`198.51.100.${attempt}`),
      })
      statuses.add(status)
    }
    expect([...statuses]).toEqual([404, 429])
    expect((await ask('/avatars/1/none.webp', { from: '127.0.0.3' })).status).toBe(404)
    expect(origin.log.filter(({ msg }) => msg.includes('MEDIA_PROXY_TRUSTED_PROXIES'))).toEqual([])
  })

  it('metrics stay inside, and bodies of more than a megabyte go through', async () => {
    expect((await ask('/_metrics')).status).toBe(404)
    const body = Buffer.alloc(2_000_000, 'x')
    const headers = { 'x-internal-secret': SECRET, 'content-type': 'application/json' }
    expect((await ask('/_metadata', { method: 'POST', headers, body })).status).toBe(400)
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
