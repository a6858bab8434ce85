/**
 * The server as it is published: packed, unpacked into an empty folder, started, and used to render an image.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineOf } from '../bench/process-snapshot.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { until } from '../until.ts'

const ROOT = join(import.meta.dirname, '../..')
const PLATFORM = `${process.platform}-${process.arch}`

/** Returns the installed folder of a package, found from the folders of the packages that depend on it. */
function folderOf(name: string, ...from: readonly string[]): string {
  const found = from
    .flatMap((folder) => createRequire(join(folder, 'package.json')).resolve.paths(name) ?? [])
    .map((path) => join(path, name))
    .find((path) => existsSync(path))
  if (found === undefined) throw new Error(`${name} is not installed`)
  return found
}

describe('the server package', () => {
  let directory: string
  let child: ChildProcess | undefined
  let url: string
  const installed = (path: string) => join(directory, 'node_modules/@media-proxy/server', path)
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [installed('dist/cli.js'), ...args], { cwd: directory, encoding: 'utf8' })

  /** Packs a folder as npm would publish it, and unpacks it as npm would install it. */
  async function install(packed: string, name: string): Promise<void> {
    const pack = spawnSync('npm', ['pack', packed, '--json', '--pack-destination', directory], {
      encoding: 'utf8',
    })
    expect(pack.status, pack.stderr).toBe(0)
    const folder = join(directory, 'node_modules', name)
    await mkdir(folder, { recursive: true })
    const tarball = join(directory, JSON.parse(pack.stdout)[0].filename)
    const unpack = spawnSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
    expect(unpack.status).toBe(0)
  }

  /** Links a package that npm would install from the registry to its installed copy in this repository. */
  async function link(name: string, folder: string): Promise<void> {
    const target = join(directory, 'node_modules', name)
    await mkdir(dirname(target), { recursive: true })
    await symlink(folder, target)
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-server-'))
    const built = join(directory, 'built')
    const build = spawnSync(process.execPath, [join(ROOT, 'scripts/build-server.ts'), built], {
      encoding: 'utf8',
    })
    expect(build.status, build.stderr).toBe(0)
    await install(join(built, 'server'), '@media-proxy/server')
    const { dependencies } = JSON.parse(readFileSync(installed('package.json'), 'utf8'))
    for (const name of Object.keys(dependencies)) {
      await link(name, folderOf(name, join(ROOT, 'origin'), join(ROOT, 'shared')))
    }
    await link(`@media-proxy/onnxruntime-${PLATFORM}`, join(built, `onnxruntime-${PLATFORM}`))
    const libav = folderOf('node-av', join(ROOT, 'origin'))
    await link(`@seydx/node-av-${PLATFORM}`, folderOf(`@seydx/node-av-${PLATFORM}`, libav))

    child = spawn(process.execPath, [installed('dist/cli.js'), '--port', '0'], {
      cwd: directory,
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout?.on('data', (text) => (said += text))
    const address = () => /ready {2}(\S+)/.exec(said)?.[1]
    await until(() => address() !== undefined || child?.exitCode !== null, 60_000)
    url = address() ?? expect.fail(said)
    await until(async () => (await send(url, '/_ready')).status === 200, 60_000)
  })
  afterAll(async () => {
    child?.kill('SIGTERM')
    await until(() => child === undefined || child.exitCode !== null || child.signalCode !== null)
    expect(child?.exitCode).toBe(0)
    await rm(directory, { recursive: true })
  })

  it('prints its options, and rejects unknown ones', () => {
    expect(run('--help').stdout).toContain('--port <number>')
    expect(run('--version').stdout.trim()).toBe(
      JSON.parse(readFileSync(join(ROOT, 'server/package.json'), 'utf8')).version,
    )
    const { status, stderr } = run('--prot', '1')
    expect([status, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining("'--prot'")])
  })

  it('states which Node version it needs, also when systemd starts it', () => {
    const { engines } = JSON.parse(readFileSync(installed('package.json'), 'utf8'))
    const under = (version: string, script = 'dist/cli.js') => {
      const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
      const args = ['--import', `data:text/javascript,${encodeURIComponent(versions)}`, installed(script)]
      return spawnSync(process.execPath, [...args, '--version'], { encoding: 'utf8' })
    }
    for (const script of ['dist/cli.js', 'dist/server.js']) {
      expect(under('22.18.0', script)).toMatchObject({
        status: 1,
        stderr: '@media-proxy/server needs Node 22.19 or newer; this is 22.18.0.\n',
      })
    }
    for (const version of ['22.19.0', '23.0.0']) expect(under(version).status).toBe(0)
    expect(engines.node).toBe('>=22.19')
  })

  it('reports every fault of its configuration, and generates no secrets in production', () => {
    const check = (port: string, environment: Readonly<Record<string, string>>) =>
      spawnSync(process.execPath, [installed('dist/cli.js'), '--check', '--port', port], {
        cwd: directory,
        env: { PATH: process.env.PATH, MEDIA_PROXY_NODE_ENV: 'production', ...environment },
        encoding: 'utf8',
      })
    const { status, stderr } = check('x', {})
    expect(status).toBe(1)
    expect(stderr).toContain('MEDIA_PROXY_PORT')
    expect(stderr).toContain('MEDIA_PROXY_SECRET_KEY')
    const secrets = { MEDIA_PROXY_SECRET_KEY: 'a long random text', MEDIA_PROXY_EDGE_SECRET_KEY: 'another' }
    expect(check('1', secrets)).toMatchObject({ status: 0, stdout: 'the configuration has no fault\n' })
  })

  it('serves the playground, renders an uploaded file, and scans it', async () => {
    const page = await send(url, '/_playground')
    expect([page.status, page.body.includes('<script')]).toEqual([200, true])
    const script = /src="([^"]+)"/.exec(page.body.toString())?.[1] ?? ''
    expect((await send(url, script)).status).toBe(200)
    const headers = { origin: url, 'content-type': 'application/json' }
    const dropped = await send(url, '/_playground/upload?name=a.png', {
      method: 'POST',
      headers: { origin: url },
      body: await halvesPng(64, 48),
    })
    const { path, upload_filename } = JSON.parse(dropped.body.toString())
    const rendition = await send(url, `${path}?width=32&format=avif`)
    expect([rendition.status, rendition.headers['content-type']]).toEqual([200, 'image/avif'])
    expect(await sharp(rendition.body).metadata()).toMatchObject({ width: 32, height: 24 })
    const metadata = await send(url, '/_playground/metadata', {
      method: 'POST',
      headers,
      body: JSON.stringify({ version: 2, type: 'upload', upload_filename, nsfw: 'flag' }),
    })
    expect(Object.keys(JSON.parse(metadata.body.toString()).nsfw_predictions)).toHaveLength(5)
  })

  it.skipIf(!existsSync('/proc/self/environ'))(
    'gives its engine its own font configuration (needs /proc)',
    () => {
      const [engine = 0] = engineOf(child?.pid ?? 0)
      const environment = readFileSync(`/proc/${engine}/environ`, 'utf8').split('\0')
      const file = environment.find((each) => each.startsWith('FONTCONFIG_FILE='))?.split('=')[1] ?? ''
      // Without it, fontconfig uses its default configuration and leaves a cache on the system.
      expect(readFileSync(file, 'utf8')).toContain('<cachedir>/dev/null/')
      expect(file.startsWith(realpathSync(directory))).toBe(true)
    },
  )

  it('makes a still and a clip of a video with libav, and detects faces', async () => {
    const queries = [
      'day.mp4?format=webp&width=32&time=50%25',
      'day.mp4?format=mp4&width=64&duration=1',
      'harbour.jpg?width=20&height=20&gravity=face',
    ]
    for (const query of queries)
      expect((await send(url, `/attachments/1/1/${query}`)).status, query).toBe(200)
  })

  it('contains the licences and the patches of bundled packages', () => {
    expect(readFileSync(installed('LICENSE'), 'utf8')).toContain('Apache License')
    expect(readFileSync(installed('THIRD-PARTY.txt'), 'utf8')).toMatch(/mediabunny.*node-av.*onnxruntime/s)
    expect(readdirSync(installed('deploy')).sort()).toEqual(['Caddyfile', 'nginx', 'systemd'])
    expect(readdirSync(installed('patches'))).toEqual(readdirSync(join(ROOT, 'patches')))
    const chunks = readdirSync(installed('dist/chunks')).filter((name) => name.startsWith('demuxer'))
    const demuxers = chunks.map((name) => readFileSync(installed(`dist/chunks/${name}`), 'utf8'))
    expect(demuxers.join('')).toContain('startPos + 1')
  })

  it('requests only exact versions from the registry, and no package that downloads files', async () => {
    const manifest = JSON.parse(readFileSync(installed('package.json'), 'utf8'))
    expect(manifest).not.toHaveProperty('private')
    const wanted: Record<string, string> = { ...manifest.dependencies, ...manifest.optionalDependencies }
    for (const [name, version] of Object.entries(wanted)) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
    const here = Object.keys(wanted).filter((name) => existsSync(join(directory, 'node_modules', name)))
    expect(here.length).toBeGreaterThan(20)
    const scripts = here.flatMap((name) => {
      const { scripts = {} } = JSON.parse(
        readFileSync(join(directory, 'node_modules', name, 'package.json'), 'utf8'),
      )
      const run = ['preinstall', 'install', 'postinstall'].filter((script) => Object.hasOwn(scripts, script))
      return run.map((script) => `${name}: ${scripts[script]}`)
    })
    expect(scripts).toEqual([])
  })
})
