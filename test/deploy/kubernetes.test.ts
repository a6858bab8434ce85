/**
 * Checks the manifests and the chart for Kubernetes against the types of its API. The chart is checked when
 * Helm is installed.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { listSettings } from '@media-proxy/shared/config/load.ts'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

const ROOT = join(import.meta.dirname, '../..')
const CHART = join(ROOT, 'deploy/helm/media-proxy')
const TYPES = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const hasHelm = spawnSync('helm', ['version']).status === 0
/** The API of an operator, whose types are not included. */
const CUSTOM = 'monitoring.coreos.com/v1'

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  // biome-ignore lint/suspicious/noExplicitAny: a manifest has as many shapes as kinds; each test reads its own.
  readonly [field: string]: any
}

function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    expect(document.errors).toEqual([])
    const manifest = document.toJS() as Manifest | null
    return manifest === null ? [] : [manifest]
  })
}

/**
 * Returns the errors of the TypeScript compiler for manifests as values of the API types: an unknown field or
 * a wrong value is an error.
 */
function faultsOf(manifests: readonly Manifest[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'media-proxy-kubernetes-'))
  const lines = manifests
    .filter(({ apiVersion }) => apiVersion !== CUSTOM)
    .map((manifest, index) => {
      const [group = '', version] = manifest.apiVersion.split('/')
      const module = version === undefined ? `core/${group}` : `${group.split('.')[0]}/${version}`
      const type = `import('kubernetes-types/${module}').${manifest.kind}`
      return `export const manifest${index}: ${type} = ${JSON.stringify(manifest)}\n`
    })
  writeFileSync(join(directory, 'manifests.ts'), lines.join(''))
  const options = {
    strict: true,
    noEmit: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    types: [],
    paths: { 'kubernetes-types/*': [`${TYPES}/*`] },
  }
  writeFileSync(
    join(directory, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }),
  )
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8' })
  rmSync(directory, { recursive: true })
  return stdout
}

describe('the schema check of manifests', () => {
  const manifests = manifestsOf(read('deploy/kubernetes/origin.yaml'))

  it('accepts the plain manifests', () => {
    expect(faultsOf(manifests)).toBe('')
  })

  it('reports an unknown field', () => {
    const [service] = manifests.filter(({ kind }) => kind === 'Service')
    expect(
      faultsOf([{ ...(service as Manifest), spec: { ...service?.spec, sessionAffinty: 'None' } }]),
    ).toContain('sessionAffinty')
  })
})

describe('the Helm chart', () => {
  const values = parse(read('deploy/helm/media-proxy/values.yaml'))

  it('has the version of the service', () => {
    const { version, appVersion } = parse(read('deploy/helm/media-proxy/Chart.yaml'))
    const { version: released } = JSON.parse(read('package.json'))
    expect([version, appVersion]).toEqual([released, released])
  })

  it('contains only existing settings, and no secrets', () => {
    const known = new Map(listSettings().map(({ variable, meta }) => [variable, meta.secret ?? false]))
    for (const name of Object.keys(values.settings)) expect(known.get(name), name).toBe(false)
  })
})

/** Renders the chart with Helm. */
function render(...args: readonly string[]): readonly Manifest[] {
  const { stdout, stderr, status } = spawnSync(
    'helm',
    ['template', 'media-proxy', CHART, '--kube-version', '1.31.0', ...args],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return manifestsOf(stdout)
}

describe.skipIf(!hasHelm)('the chart rendered by Helm (skipped without Helm)', () => {
  const everything = [
    'metrics.serviceMonitor.enabled=true',
    'metrics.serviceMonitor.labels.release=prometheus',
    'ingress.enabled=true',
    'ingress.className=nginx',
    'ingress.tlsSecret=certificate',
    'autoscaling.waitingRenders=16',
    'networkPolicy.allow[0].cidr=10.1.2.3/32',
    'networkPolicy.allow[0].port=9000',
    'podLabels.team=media',
    'podAnnotations.note=text',
    'nodeSelector.disk=fast',
  ].flatMap((value) => ['--set', value])
  const find = (manifests: readonly Manifest[], kind: string) =>
    manifests.find((manifest) => manifest.kind === kind)

  it('passes helm lint', () => {
    const { stdout, status } = spawnSync('helm', ['lint', '--strict', CHART], { encoding: 'utf8' })
    expect(status, stdout).toBe(0)
  })

  it('has only fields of the Kubernetes API, with minimal and with full values', () => {
    const all = render(...everything)
    expect(faultsOf([...render(), ...all, ...render('--set', 'autoscaling.enabled=false')])).toBe('')
    expect(all.map(({ kind }) => kind).sort()).toEqual([
      ...['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy'],
      ...['PodDisruptionBudget', 'Service', 'Service', 'ServiceMonitor'],
    ])
    expect(find(all, 'HorizontalPodAutoscaler')?.spec.metrics).toHaveLength(2)
  })

  it('runs the same pods as the plain manifests', () => {
    const pod = (manifests: readonly Manifest[]) => find(manifests, 'Deployment')?.spec.template.spec
    const ours = pod(render())
    const plain = pod(manifestsOf(read('deploy/kubernetes/origin.yaml')))
    const same = [
      'securityContext',
      'terminationGracePeriodSeconds',
      'automountServiceAccountToken',
      'volumes',
    ]
    for (const field of same) expect(ours[field], field).toEqual(plain[field])
    const { image: _, imagePullPolicy: __, ports, ...container } = ours.containers[0]
    const { image: ___, ports: plainPorts, ...expected } = plain.containers[0]
    expect(ports).toEqual([...plainPorts, { name: 'metrics', containerPort: 9090 }])
    expect(container).toEqual(expected)
  })

  it('monitors the metrics port, and selects its pods', () => {
    const all = render(...everything)
    const labels = find(all, 'Deployment')?.spec.template.metadata.labels
    const selectors = [
      find(all, 'Deployment')?.spec.selector.matchLabels,
      find(all, 'PodDisruptionBudget')?.spec.selector.matchLabels,
      find(all, 'NetworkPolicy')?.spec.podSelector.matchLabels,
      ...all.filter(({ kind }) => kind === 'Service').map(({ spec }) => spec.selector),
    ]
    for (const selector of selectors) expect(labels).toMatchObject(selector)
    const monitor = find(all, 'ServiceMonitor')
    const watched = all.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(monitor?.spec.selector.matchLabels).every(
          ([name, value]) => metadata.labels[name] === value,
        ),
    )
    expect(watched.map(({ metadata }) => metadata.name)).toEqual(['media-proxy-metrics'])
    expect(watched[0]?.spec.ports[0].name).toBe(monitor?.spec.endpoints[0].port)
    expect(find(all, 'ConfigMap')?.data.MEDIA_PROXY_METRICS_PORT).toBe('9090')
  })

  it('rejects secrets in the settings, and unknown values', () => {
    expect(() => render('--set', 'settings.MEDIA_PROXY_SECRET_KEY=x')).toThrow('MEDIA_PROXY_SECRET_KEY')
    expect(() => render('--set', 'replicsa=3')).toThrow('replicsa')
  })
})
