/** Deployments that cannot be run without a container engine or a cluster are checked by their text. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listSettings } from '@media-proxy/shared/config/load.ts'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'

const ROOT = join(import.meta.dirname, '../..')
const KNOWN = new Set(listSettings().map(({ variable }) => variable))

/** The variable for the configuration file, and variables that are used only in deploy/compose.yaml. */
const OTHERS = new Set(['MEDIA_PROXY_CONFIG', 'MEDIA_PROXY_SITE', 'MEDIA_PROXY_ORIGIN', 'MEDIA_PROXY_IMAGE'])

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const variablesOf = (text: string) => text.match(/MEDIA_PROXY_[A-Z0-9_]+/g) ?? []

const TEMPLATES = [
  'Dockerfile',
  'deploy/compose.yaml',
  'deploy/nginx/media-proxy.conf',
  'deploy/systemd/media-proxy.service',
  'deploy/kubernetes/origin.yaml',
  'deploy/helm/media-proxy/values.yaml',
  'deploy/cloudflare-containers/wrangler.toml',
  'wrangler.toml',
  '.dev.vars.example',
  'docs/deploy.md',
  'docs/upgrade.md',
]

describe.each(TEMPLATES)('%s', (path) => {
  it('names only existing settings', () => {
    const unknown = variablesOf(read(path)).filter(
      // A name that ends in an underscore is a prefix mentioned in a sentence.
      (name) => !KNOWN.has(name) && !name.endsWith('_') && !OTHERS.has(name),
    )
    expect(unknown).toEqual([])
  })
})

describe('the Dockerfile', () => {
  const lines = read('Dockerfile').split('\n')

  it('copies only existing files', () => {
    for (const line of lines.filter((text) => text.startsWith('COPY ') && !text.includes('--from'))) {
      const sources = line.split(/\s+/).slice(1, -1)
      for (const source of sources) expect(existsSync(join(ROOT, source)), source).toBe(true)
    }
  })

  it('ends with an unprivileged user, a health check and a pinned base image', () => {
    expect(lines.filter((line) => line.startsWith('FROM ')).every((line) => /:\d+-\w+-slim/.test(line))).toBe(
      true,
    )
    const users = lines.filter((line) => line.startsWith('USER '))
    expect(users).toEqual(['USER node'])
    const user = lines.indexOf('USER node')
    const installs = lines.findLastIndex((line) => /^(RUN|\s).*(apt-get|chown|npx|install)/.test(line))
    expect(user).toBeGreaterThan(installs)
    expect(user).toBeLessThan(lines.findIndex((line) => line.startsWith('CMD ')))
    expect(lines.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true)
  })

  it('installs from the lock file, and runs no script that downloads something', () => {
    expect(lines[0]).toBe('# syntax=docker/dockerfile:1.7')
    expect(read('Dockerfile')).toMatch(/install --frozen-lockfile --prod --ignore-scripts/)
    expect(read('Dockerfile')).not.toMatch(/\b(curl|wget|ADD http)/)
  })

  // Docker's classic builder skips a folder that .dockerignore excludes unless an exception begins with its
  // name, so an exception with a wildcard is not enough.
  it('copies only what .dockerignore allows by name', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
    expect(copied.filter((path) => !allowed.includes(path))).toEqual([])
  })

  it('copies every manifest of the workspace, which the lock file requires', () => {
    const rooms = read('pnpm-workspace.yaml').matchAll(/^ {2}- ([a-z-]+)$/gm)
    for (const [, room] of rooms) expect(lines).toContain(`COPY ${room}/package.json ${room}/`)
  })
})

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  // biome-ignore lint/suspicious/noExplicitAny: a manifest has as many shapes as kinds; each test reads its own.
  readonly [field: string]: any
}

describe('the Kubernetes manifests', () => {
  const documents = parseAllDocuments(read('deploy/kubernetes/origin.yaml'))
  const manifests = documents.map((document) => document.toJS() as Manifest)
  const find = (kind: string) => manifests.find((manifest) => manifest.kind === kind)

  it('are all present', () => {
    for (const document of documents) expect(document.errors).toEqual([])
    expect(manifests.map(({ kind }) => kind)).toEqual([
      'ConfigMap',
      'Deployment',
      'Service',
      'PodDisruptionBudget',
      'HorizontalPodAutoscaler',
      'NetworkPolicy',
    ])
  })

  it('select exactly the pods of the deployment', () => {
    const labels = find('Deployment')?.spec.template.metadata.labels
    expect(find('Deployment')?.spec.selector.matchLabels).toEqual(labels)
    expect(find('Service')?.spec.selector).toEqual(labels)
    expect(find('PodDisruptionBudget')?.spec.selector.matchLabels).toEqual(labels)
    expect(find('NetworkPolicy')?.spec.podSelector.matchLabels).toEqual(labels)
    expect(find('HorizontalPodAutoscaler')?.spec.scaleTargetRef.name).toBe(find('Deployment')?.metadata.name)
  })

  it('run without privileges, and leave time to drain', () => {
    const { spec } = find('Deployment')?.spec.template ?? {}
    // Until then, proxies may still open connections to the pod.
    const { command } = spec.containers[0].lifecycle.preStop.exec
    expect(command).toEqual(['sleep', expect.stringMatching(/^\d+$/)])
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(30 + Number(command[1]))
    expect(spec.securityContext.runAsNonRoot).toBe(true)
    expect(spec.containers[0].securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
    })
    expect(spec.containers[0].readinessProbe.httpGet.path).toBe('/_ready')
    expect(spec.containers[0].livenessProbe.httpGet.path).toBe('/_health')
  })

  it('deny the pod every private address', () => {
    const blocks = find('NetworkPolicy')?.spec.egress.flatMap(
      ({ to }: { to: { ipBlock?: { except?: string[] } }[] }) =>
        to.flatMap(({ ipBlock }) => ipBlock?.except ?? []),
    )
    for (const range of ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '127.0.0.0/8']) {
      expect(blocks).toContain(range)
    }
  })
})

it('compose.yaml limits the origin, and contains no secrets', () => {
  const [document] = parseAllDocuments(read('deploy/compose.yaml'), { merge: true })
  const compose = document?.toJS() as {
    services: Record<string, { read_only?: boolean; mem_limit?: string }>
  }
  expect(document?.errors).toEqual([])
  expect(Object.keys(compose.services)).toEqual(['origin', 'caddy', 'store', 'buckets'])
  expect(compose.services.origin).toMatchObject({ read_only: true, mem_limit: '2g' })
  // Every secret is required by name and has no default.
  for (const name of ['MEDIA_PROXY_SECRET_KEY', 'S3_SECRET_ACCESS_KEY']) {
    expect(read('deploy/compose.yaml')).toMatch(new RegExp(`\\$\\{${name}:\\?`))
  }
})
