/**
 * All metrics of the origin. docs/metrics.md, the dashboard and the alerts are checked against this table.
 */

export type MetricKind = 'counter' | 'histogram' | 'gauge'

export interface MetricDefinition {
  readonly kind: MetricKind
  /** In UCUM notation, as OpenTelemetry requires. */
  readonly unit: 's' | 'By' | '1'
  readonly description: string
  /** The names of the labels. Each has a small set of values, never an id or a path. */
  readonly labels: readonly string[]
}

/** The names follow the semantic conventions of OpenTelemetry where those exist. */
export const METRICS = {
  'http.server.request.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Duration of requests, from their arrival to the headers of the response.',
    labels: ['http.request.method', 'http.route', 'http.response.status_code'],
  },
  'http.server.response.body.size': {
    kind: 'histogram',
    unit: 'By',
    description: 'Size of response bodies, as declared in the headers.',
    labels: ['http.route'],
  },
  'media_proxy.rendition.answers': {
    kind: 'counter',
    unit: '1',
    description:
      'Renditions by how they were obtained: hit, revalidated, stored, coalesced, rendered, not-modified.',
    labels: ['outcome'],
  },
  'media_proxy.rendition.cache.bytes': {
    kind: 'gauge',
    unit: 'By',
    description: 'Size of the renditions in memory.',
    labels: [],
  },
  'media_proxy.rendition.cache.evictions': {
    kind: 'counter',
    unit: '1',
    description: 'Renditions evicted from memory to make room for others.',
    labels: [],
  },
  'media_proxy.source.opens': {
    kind: 'counter',
    unit: '1',
    description:
      'Sources opened for renders and examinations: a leader reads the source, a follower shares the read of a leader.',
    labels: ['role'],
  },
  'media_proxy.render.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Duration of renders: decoding, scaling and encoding of one rendition.',
    labels: ['input', 'output', 'outcome'],
  },
  'media_proxy.store.operation.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Duration of object store operations, up to the headers of the response.',
    labels: ['operation', 'outcome'],
  },
  'media_proxy.store.read.bytes': {
    kind: 'counter',
    unit: 'By',
    description: 'Bytes read from the object store.',
    labels: [],
  },
  'media_proxy.external.request.duration': {
    kind: 'histogram',
    unit: 's',
    description:
      'Duration of external fetches, up to the headers of the response. Rejected addresses have the outcome address-rejected.',
    labels: ['outcome'],
  },
  'media_proxy.engine.job.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Duration of engine jobs, from when a process takes the job to its result.',
    labels: ['job', 'outcome'],
  },
  'media_proxy.engine.cpu.time': {
    kind: 'counter',
    unit: 's',
    description: 'CPU time of engine jobs.',
    labels: ['job'],
  },
  'media_proxy.engine.processes': {
    kind: 'gauge',
    unit: '1',
    description: 'Engine processes, busy or idle, by pool: quick jobs, heavy jobs, and clips.',
    labels: ['pool'],
  },
  'media_proxy.engine.progress': {
    kind: 'gauge',
    unit: '1',
    description: 'Progress of each clip that is being encoded, from 0 to 1. 0 for an unused slot.',
    labels: ['slot'],
  },
  'media_proxy.engine.lost': {
    kind: 'counter',
    unit: '1',
    description:
      'Jobs that ended their process: a decoder crashed, a limit on CPU time or memory was exceeded, or the process was killed.',
    labels: ['job'],
  },
  'media_proxy.nsfw.scan.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Duration of the scan of one source, including the wait for the model.',
    labels: ['outcome'],
  },
  'media_proxy.nsfw.frames': {
    kind: 'counter',
    unit: '1',
    description: 'Frames passed to the model.',
    labels: [],
  },
  'media_proxy.nsfw.batch.size': {
    kind: 'histogram',
    unit: '1',
    description: 'Frames passed to the model in one batch.',
    labels: [],
  },
  'media_proxy.admission.waiting': {
    kind: 'gauge',
    unit: '1',
    description: 'Jobs waiting for a slot in the lane.',
    labels: ['lane'],
  },
  'media_proxy.admission.running': {
    kind: 'gauge',
    unit: '1',
    description: 'Jobs running in the lane.',
    labels: ['lane'],
  },
  'media_proxy.admission.wait.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Time a job waits for a slot in the lane.',
    labels: ['lane'],
  },
  'media_proxy.admission.rejections': {
    kind: 'counter',
    unit: '1',
    description:
      'Jobs that got no slot: the lane was overloaded, the deadline passed, or the last client disconnected while the job waited.',
    labels: ['lane', 'failure'],
  },
  'media_proxy.failures': {
    kind: 'counter',
    unit: '1',
    description: 'Requests that ended in a failure, by failure code.',
    labels: ['failure'],
  },
  'media_proxy.attachment.reports': {
    kind: 'counter',
    unit: '1',
    description: 'Attachments with an invalid signature, served because attachmentSignatures is report.',
    labels: [],
  },
  'media_proxy.gate.untrusted_proxies': {
    kind: 'counter',
    unit: '1',
    description: 'Requests with X-Forwarded-For from a nearby peer that is not in trustedProxies.',
    labels: [],
  },
  'media_proxy.rate_limit.rejections': {
    kind: 'counter',
    unit: '1',
    description: 'Requests rejected by a rate limit.',
    labels: ['budget'],
  },
  'media_proxy.unhandled_errors': {
    kind: 'counter',
    unit: '1',
    description: 'Defects: unexpected errors that were thrown.',
    labels: [],
  },
  'nodejs.eventloop.delay.p99': {
    kind: 'gauge',
    unit: 's',
    description: '99th percentile of the event loop delay since the metrics were last collected.',
    labels: [],
  },
  'process.memory.usage': {
    kind: 'gauge',
    unit: 'By',
    description: 'Resident memory of the process.',
    labels: [],
  },
  'v8js.memory.heap.used': {
    kind: 'gauge',
    unit: 'By',
    description: 'Used part of the JavaScript heap.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>

export type MetricName = keyof typeof METRICS
export type Labels = Readonly<Record<string, string | number>>

type NamesOf<Kind extends MetricKind> = {
  [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never
}[MetricName]

export type CounterName = NamesOf<'counter'>
export type HistogramName = NamesOf<'histogram'>
export type GaugeName = NamesOf<'gauge'>

/**
 * Returns the name in `/_metrics`. Counters end in `_total`, and histograms get suffixes such as `_bucket`.
 */
export function prometheusName(name: MetricName): string {
  const base = name.replaceAll('.', '_')
  return METRICS[name].kind === 'counter' ? `${base}_total` : base
}
