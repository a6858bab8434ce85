import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signEdgeRequest } from '@media-proxy/shared/signing/edge-request.ts'
import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { expect, it } from 'vitest'
import { startService } from '../bench/service.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { files, openUpstreamServer } from '../upstream-server.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
}

/** Starts a receiver of OTLP over HTTP in JSON. */
async function openReceiver() {
  const spans: Span[] = []
  const metrics = new Set<string>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (request.url === '/v1/traces') {
      const body = JSON.parse(Buffer.concat(chunks).toString())
      for (const { scopeSpans } of body.resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans)
      }
    }
    if (request.url === '/v1/metrics') {
      const body = JSON.parse(Buffer.concat(chunks).toString())
      for (const { scopeMetrics } of body.resourceMetrics) {
        for (const scope of scopeMetrics) for (const { name } of scope.metrics) metrics.add(name)
      }
    }
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    spans,
    metrics,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

const trace = (digit: string) => `00-${digit.repeat(32)}-${'1'.repeat(16)}-01`

it('traces a request from the edge through every part of the origin', async () => {
  const receiver = await openReceiver()
  const far = await openUpstreamServer(files({ '/a.png': await halvesPng(64, 48) }))
  const service = await startService({
    MEDIA_PROXY_TELEMETRY_OTLP_ENDPOINT: receiver.url,
    // No trace starts here. Traces that the caller has started continue.
    MEDIA_PROXY_TELEMETRY_SAMPLE_RATIO: '0',
    MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
    MEDIA_PROXY_NSFW_ENABLED: 'false',
  })
  try {
    await service.put('cdn/avatars/1/a', await halvesPng(400, 300))
    const ring = await createKeyRing(['edge'])
    const ask = async (path: string, digit: string) => {
      const request = { method: 'GET', path, clientAddress: '127.0.0.1' }
      const signature = await signEdgeRequest(ring, request, Date.now())
      return send(service.url, path, { headers: { traceparent: trace(digit), ...signature } })
    }
    // Neither a request with the trace context of an untrusted client nor a plain request is traced.
    await send(service.url, '/avatars/1/a.webp?size=16', { headers: { traceparent: trace('d') } })
    await send(service.url, '/avatars/1/a.webp?size=32')
    await ask('/avatars/1/a.webp?size=64', 'a')
    if (FFMPEG !== undefined) {
      await service.put('cdn/attachments/1/v.mp4', await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p']))
      await ask('/attachments/1/v.mp4?format=png', 'b')
    }
    const target = `v2/${Buffer.from(`${far.url}/a.png`).toString('base64url')}`
    const signature = await signExternalTarget(await createKeyRing(['bench-secret']), target)
    await ask(`/external/${signature}/${target}?width=16`, 'c')
    // A caller that knows the secret may have its call traced.
    await service.put('uploads/film', FFMPEG === undefined ? await halvesPng(64, 48) : await readLongVideo())
    const post = (digit: string, secret: string) =>
      send(service.url, '/_metadata', {
        method: 'POST',
        headers: { traceparent: trace(digit), 'x-internal-secret': secret },
        body: JSON.stringify({ type: 'upload', upload_filename: 'film' }),
      })
    expect((await post('e', 'bench-secret')).status).toBe(200)
    expect((await post('f', 'wrong')).status).toBe(401)
  } finally {
    // Pending spans are sent before the process ends.
    await service.close()
    await far.close()
    await receiver.close()
  }
  expect(tree(receiver.spans, 'a')).toEqual({
    request: ['queue reads', 'store get', 'queue memory', 'render'],
    render: ['queue quick'],
  })
  if (FFMPEG !== undefined) {
    const video = tree(receiver.spans, 'b')
    expect(video.request).toEqual(expect.arrayContaining(['store get', 'render']))
    expect(video.render).toEqual(expect.arrayContaining(['queue videos']))
  }
  expect(tree(receiver.spans, 'c')).toEqual({
    request: ['queue external-reads', 'external fetch', 'render'],
    render: ['queue quick'],
  })
  const traces = new Set(receiver.spans.map(({ traceId }) => traceId[0]))
  expect(traces, 'what nobody asked to trace').toEqual(
    new Set(FFMPEG === undefined ? ['a', 'c', 'e'] : ['a', 'b', 'c', 'e']),
  )
  const roots = receiver.spans.filter(({ parentSpanId }) => !parentSpanId)
  expect(roots, 'spans that belong to nothing').toEqual([])
  const parents = new Set(receiver.spans.map(({ spanId }) => spanId))
  const orphans = receiver.spans.filter(
    ({ name, parentSpanId }) => name !== 'request' && !parents.has(parentSpanId ?? ''),
  )
  expect(orphans, 'spans whose parent is missing').toEqual([])
  const pushed = ['http.server.request.duration', 'media_proxy.render.duration', 'process.memory.usage']
  expect([...receiver.metrics]).toEqual(expect.arrayContaining(pushed))
})

/** Makes a video whose index is at the end, so that it is read in many ranges. */
async function readLongVideo(): Promise<Buffer> {
  return makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p', '-crf', '1', '-preset', 'ultrafast'])
}

/** Returns the names of the spans below each span of a trace, in the order in which they ended. */
function tree(spans: readonly Span[], digit: string): Record<string, string[]> {
  const own = spans.filter(({ traceId }) => traceId === digit.repeat(32))
  const below: Record<string, string[]> = {}
  for (const { parentSpanId, name } of own) {
    const parent = own.find(({ spanId }) => spanId === parentSpanId)
    if (parent !== undefined) below[parent.name] = [...(below[parent.name] ?? []), name]
  }
  return below
}
