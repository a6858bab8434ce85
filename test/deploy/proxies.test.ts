/** The origin behind nginx and Caddy with the configurations of deploy/, when they are installed. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { freePort } from '../free-port.ts'
import { type RawRequest, type RawResponse, readResponse } from '../http.ts'
import { type FilesystemService, openFilesystemOrigin } from '../services.ts'
import { until } from '../until.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')
const SECRET = 'secret'
const ATTEMPTS = 20
const HOST = 'media.example.com'
/** The path of an image whose name is longer than proxies accept in a header. */
const LONG_PATH = `/${encodeURIComponent('日'.repeat(800))}.png`

interface Place {
  /** A folder for this test. */
  readonly directory: string
  readonly port: number
  /** The address and port of the origin. */
  readonly origin: string
}

interface Proxy {
  readonly name: string
  readonly isThere: boolean
  /** Writes a configuration that needs no privileges, and returns the command that runs it. */
  configure(place: Place): { readonly command: readonly string[]; readonly environment?: NodeJS.ProcessEnv }
  /** The expected status of `/_metrics`. */
  readonly metrics: number
}

const isThere = (...command: readonly string[]) => {
  const [program = '', ...args] = command
  return spawnSync(program, args).status === 0
}
const NGINX = ['nginx', '/usr/sbin/nginx'].find((path) => isThere(path, '-v')) ?? ''

const PROXIES: readonly Proxy[] = [
  {
    name: 'nginx',
    isThere: NGINX !== '' && isThere('openssl', 'version'),
    configure: configureNginx,
    metrics: 404,
  },
  // Caddy forwards the request, and the origin notices that it was forwarded.
  { name: 'Caddy', isThere: isThere('caddy', 'version'), configure: configureCaddy, metrics: 403 },
]

/** Adapts the site to the address, certificate and origin of this test. */
function configureNginx({ directory, port, origin }: Place) {
  const [certificate, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', `/CN=${HOST}`, '-out', certificate, '-keyout', key],
  ])
  expect(made.status, made.stderr.toString()).toBe(0)
  const site = readFileSync(join(DEPLOY, 'nginx/media-proxy.conf'), 'utf8')
    .replace('server 127.0.0.1:8080', `server ${origin}`)
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replaceAll(/^\tlisten (\[::\].*|80);$/gm, '')
    .replace(/ssl_certificate \S+;/, `ssl_certificate ${certificate};`)
    .replace(/ssl_certificate_key \S+;/, `ssl_certificate_key ${key};`)
    // The redirecting server: without a `listen` directive it would use the default port.
    .replace(`\tserver_name ${HOST};\n\treturn`, `\tlisten unix:${directory}/redirect;\n\treturn`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const path = join(directory, 'nginx.conf')
  writeFileSync(
    path,
    `daemon off;\nmaster_process off;\npid ${directory}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n` +
      temporary.map((kind) => `${kind}_temp_path ${directory}/${kind};\n`).join('') +
      `${site}}\n`,
  )
  const command = [NGINX, '-p', directory, '-c', path]
  const checked = spawnSync(NGINX, [...command.slice(1), '-t'], { encoding: 'utf8' })
  expect(checked.stderr).toContain('test is successful')
  return { command }
}

/** Uses the file unchanged, with certificates that Caddy issues itself and without port 80. */
function configureCaddy({ directory, port, origin }: Place) {
  const path = join(directory, 'Caddyfile')
  const options = ['admin off', 'local_certs', 'skip_install_trust', 'auto_https disable_redirects']
  writeFileSync(
    path,
    `{\n\t${options.join('\n\t')}\n\tstorage file_system ${directory}/caddy\n}\n` +
      readFileSync(join(DEPLOY, 'Caddyfile'), 'utf8'),
  )
  const environment = {
    MEDIA_PROXY_SITE: `${HOST}:${port}`,
    MEDIA_PROXY_ORIGIN: origin,
    HOME: directory,
    PATH: process.env.PATH,
  }
  return { command: ['caddy', 'run', '--config', path, '--adapter', 'caddyfile'], environment }
}

for (const { name, isThere, configure, metrics } of PROXIES)
  describe.skipIf(!isThere)(`behind ${name} (skipped without it)`, () => {
    let directory: string
    let origin: FilesystemService
    let upstream: UpstreamServer
    let proxy: ChildProcess
    let port: number

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'media-proxy-proxy-'))
      const image = await halvesPng(40, 30)
      upstream = await openUpstreamServer(files({ '/a%20b.png': image, [LONG_PATH]: image }))
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
      const { command, environment } = configure({ directory, port, origin: new URL(origin.url).host })
      const [program = '', ...args] = command
      proxy = spawn(program, args, { env: environment ?? process.env, stdio: ['ignore', 'ignore', 'pipe'] })
      let stderr = ''
      proxy.stderr?.on('data', (text) => (stderr += text))
      await until(async () => {
        if (proxy.exitCode !== null) expect.fail(stderr)
        return ask('/_health').then(
          ({ status }) => status === 200,
          () => false,
        )
      })
    })
    afterAll(async () => {
      proxy.kill('SIGKILL')
      await origin.close()
      await upstream.close()
      rmSync(directory, { recursive: true })
    })

    /** Sends a request over TLS from an address of this machine. */
    function ask(
      path: string,
      { from = '127.0.0.1', ...options }: RawRequest & { readonly from?: string } = {},
    ): Promise<RawResponse> {
      const { promise, resolve, reject } = Promise.withResolvers<RawResponse>()
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          path,
          agent: false,
          localAddress: from,
          rejectUnauthorized: false,
          method: options.method ?? 'GET',
          servername: HOST,
          headers: { host: HOST, ...options.headers },
        },
        (incoming) => readResponse(incoming).then(resolve, reject),
      )
      outgoing.once('error', reject)
      outgoing.end(options.body)
      return promise
    }

    it('an image has identical bytes, validators and ranges', async () => {
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

    it('a signed path is forwarded unchanged, with escapes and double slashes', async () => {
      const target = `http/${upstream.host}/a%2520b.png`
      const sign = (text: string) => createHmac('sha256', SECRET).update(text).digest('base64url')
      expect((await ask(`/external/${sign(target)}/${target}`)).status).toBe(200)
      const escaped = encodeURIComponent(`${upstream.url}/a%20b.png`)
      expect((await ask(`/external/${sign(escaped)}/${escaped}?width=20&format=webp`)).status).toBe(200)
      // A key with an empty segment is rejected rather than normalised to another key.
      expect((await ask('/attachments//a.png')).status).toBe(400)
    })

    it('an image with a very long name is served', async () => {
      const target = `v2/${Buffer.from(`${upstream.url}${LONG_PATH}`).toString('base64url')}`
      const signature = createHmac('sha256', SECRET).update(target).digest('base64url')
      expect((await ask(`/external/${signature}/${target}`)).status).toBe(200)
    })

    it('each client has its own rate limit, whatever address it claims', async () => {
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

    it('metrics are not public, and bodies of more than a megabyte are accepted', async () => {
      expect((await ask('/_metrics')).status).toBe(metrics)
      const body = Buffer.alloc(2_000_000, 'x')
      const headers = { 'x-internal-secret': SECRET, 'content-type': 'application/json' }
      expect((await ask('/_metadata', { method: 'POST', headers, body })).status).toBe(400)
    })
  })
