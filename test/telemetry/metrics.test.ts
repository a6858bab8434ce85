import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { METRICS, type MetricName, prometheusName } from '@media-proxy/origin/telemetry/metric-table.ts'
import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { halvesPng, noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, type Service } from '../services.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

const ROOT = join(import.meta.dirname, '../..')
const NAMES = Object.keys(METRICS) as MetricName[]

describe('the metrics', () => {
  let service: Service
  let text = ''

  beforeAll(async () => {
    service = await openEdge({
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
      MEDIA_PROXY_NSFW_ENABLED: 'true',
      MEDIA_PROXY_ATTACHMENT_SIGNATURES: 'report',
      MEDIA_PROXY_ATTACHMENT_SECRETS: 'AAAA',
      MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
      MEDIA_PROXY_RATE_LIMIT_BAD_SIGNATURE_MAX_ATTEMPTS: '1',
      // Little memory and short queues, so that renditions are evicted and requests are rejected.
      MEDIA_PROXY_CACHE_MEMORY_BYTES: '4000',
      MEDIA_PROXY_ENGINE_PROCESSES: '1',
      MEDIA_PROXY_LIMITS_QUEUED_RENDERS: '1',
    })
    await service.put('avatars/987654321/hash123', await halvesPng(64, 48))
    await service.put('upload', await halvesPng(64, 48), undefined, 'uploads')
    const origin = service.originUrl
    for (const size of [20, 22, 24, 28, 32, 40, 44, 48])
      await send(origin, `/avatars/987654321/hash123.webp?size=${size}`)
    for (let visit = 0; visit < 2; visit += 1) await send(origin, '/avatars/987654321/hash123.webp?size=16')
    await service.put('attachments/1/large.png', await noisePng(1000, 800))
    const crowd = Array.from({ length: 12 }, (_, index) =>
      send(origin, `/attachments/1/large.png?width=${500 + index}&format=webp`),
    )
    const crowded = (await Promise.all(crowd)).map(({ status }) => status)
    expect(new Set(crowded)).toEqual(new Set([200, 503]))
    await send(origin, '/avatars/987654321/none.webp')
    await send(origin, '/_health', { headers: { 'x-forwarded-for': '8.8.8.8' } })
    for (let visit = 0; visit < 2; visit += 1) await send(origin, '/external/wrong/v2/aHR0cDovL2EuYg')
    const target = `v2/${Buffer.from('http://169.254.169.254/').toString('base64url')}`
    await send(
      origin,
      `/external/${await signExternalTarget(await createKeyRing(['secret']), target)}/${target}`,
    )
    await send(origin, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ type: 'upload', upload_filename: 'upload' }),
    })
    if (FFMPEG !== undefined) {
      await service.put('attachments/1/v.mp4', await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p']))
      await send(origin, '/attachments/1/v.mp4?format=png&width=16')
    }
    text = (await send(origin, '/_metrics')).body.toString()
  })
  afterAll(() => service.close())

  it.each(NAMES.filter((name) => FFMPEG !== undefined || !name.includes('ffmpeg')))(
    'include %s, with a value that has changed',
    (name) => {
      const serialized = prometheusName(name)
      const lines = text
        .split('\n')
        .filter((line) => new RegExp(`^${serialized}(_count|_bucket|_sum)?[ {]`).test(line))
      expect(lines.length, text.slice(0, 2000)).toBeGreaterThan(0)
      // Defects, lost jobs and, on a quiet machine, waiting jobs and clips may be 0.
      const still = [
        'media_proxy.engine.lost',
        'media_proxy.unhandled_errors',
        'media_proxy.admission.waiting',
        'media_proxy.admission.running',
        'media_proxy.engine.progress',
      ]
      if (!still.includes(name)) expect(lines.some((line) => Number(line.split(' ').at(-1)) > 0)).toBe(true)
    },
  )

  it('have only the labels in the table, and contain no ids', () => {
    const allowed = new Set(
      ['le', ...NAMES.flatMap((name) => METRICS[name].labels)].map((label) => label.replaceAll('.', '_')),
    )
    for (const [, labels = ''] of text.matchAll(/^\w+\{([^}]*)\}/gm)) {
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) expect(allowed).toContain(label)
    }
    expect(text).not.toMatch(/987654321|hash123|169\.254/)
  })

  it('are available only on this machine and with the secret', async () => {
    const status = async (headers: Record<string, string>) =>
      (await send(service.originUrl, '/_metrics', { headers })).status
    expect(await status({})).toBe(200)
    for (const header of [
      ...['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via', 'true-client-ip'],
      ...['cf-ray', 'cf-connecting-ip', 'x-edge-signature'],
    ]) {
      // After a few wrong secrets, the stricter rate limit applies first.
      expect([403, 429], header).toContain(await status({ [header]: '1' }))
      expect(await status({ [header]: '1', 'x-internal-secret': 'secret' }), header).toBe(200)
    }
    for (const host of ['127.0.0.1:8080', 'localhost:8080', '[::1]'])
      expect(await status({ host }), host).toBe(200)
    // A page whose name was rebound to this machine, and a proxy that adds no header.
    for (const host of ['rebound.example', '203.0.113.5:8080', 'localhost.example'])
      expect([403, 429], host).toContain(await status({ host }))
    expect((await send(service.url, '/_metrics')).status).toBe(403)
    expect(
      (await send(service.url, '/_metrics', { headers: { 'x-internal-secret': 'secret' } })).status,
    ).toBe(403)
  })
})

describe('everything built on the metrics', () => {
  const known = NAMES.flatMap((name) => {
    const serialized = prometheusName(name)
    return METRICS[name].kind === 'histogram'
      ? [`${serialized}_bucket`, `${serialized}_sum`, `${serialized}_count`]
      : [serialized]
  })
  const used = (expression: string) =>
    expression.match(/\b(?:media_proxy|http_server|nodejs|process|v8js)_\w+/g) ?? []

  it('the dashboard uses only existing metrics, and shows all of them', () => {
    const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana-dashboard.json'), 'utf8'))
    const expressions: string[] = dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) =>
      (panel.targets ?? []).map(({ expr }) => expr),
    )
    expect(expressions.length).toBeGreaterThan(8)
    for (const name of expressions.flatMap(used)) expect(known).toContain(name)
    const shown = expressions.join('\n')
    for (const name of NAMES) expect(shown, 'every metric has a panel').toContain(prometheusName(name))
    const places = dashboard.panels.map(({ gridPos }: { gridPos: { x: number; y: number } }) => gridPos)
    expect(new Set(places.map(({ x, y }: { x: number; y: number }) => `${x} ${y}`)).size).toBe(places.length)
  })

  it('every alert uses only existing metrics, and has documented steps', () => {
    const { groups } = parse(readFileSync(join(ROOT, 'deploy/alerts.yaml'), 'utf8'))
    const operations = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
    for (const { alert, expr, annotations } of groups.flatMap(({ rules }: { rules: unknown[] }) => rules)) {
      expect(used(expr).length).toBeGreaterThan(0)
      for (const name of used(expr)) expect(known).toContain(name)
      expect(annotations.summary).toBeTypeOf('string')
      expect(operations, `${alert} is not explained`).toContain(`\`${alert}\``)
    }
  })
})
