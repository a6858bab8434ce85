/** Every metric of the origin: docs/metrics.md, the dashboard and the alerts are checked against this table. */

export type MetricKind = 'counter' | 'histogram' | 'gauge'

export interface MetricDefinition {
  readonly kind: MetricKind
  /** In the notation of UCUM, as OpenTelemetry wants it. */
  readonly unit: 's' | 'By' | '1'
  readonly description: string
  /** Names of its labels; each has a handful of values, never an id or a path. */
  readonly labels: readonly string[]
}

/** Names by OpenTelemetry's conventions where they exist. */
export const METRICS = {
  'http.server.request.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Requests, from their arrival to the head of the answer.',
    labels: ['http.request.method', 'http.route', 'http.response.status_code'],
  },
  'http.server.response.body.size': {
    kind: 'histogram',
    unit: 'By',
    description: 'Bodies of answers, as their heads declare them.',
    labels: ['http.route'],
  },
  'media_proxy.rendition.answers': {
    kind: 'counter',
    unit: '1',
    description:
      'Renditions by how they came about: hit, revalidated, stored, coalesced, rendered, not-modified.',
    labels: ['outcome'],
  },
  'media_proxy.rendition.cache.bytes': {
    kind: 'gauge',
    unit: 'By',
    description: 'Renditions in memory.',
    labels: [],
  },
  'media_proxy.rendition.cache.evictions': {
    kind: 'counter',
    unit: '1',
    description: 'Renditions that left the memory to make room for others.',
    labels: [],
  },
  'media_proxy.source.opens': {
    kind: 'counter',
    unit: '1',
    description:
      'Sources that renders and examinations wanted: a leader reads one, a follower shares what a leader reads.',
    labels: ['role'],
  },
  'media_proxy.render.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Renders: decoding, scaling and encoding of one rendition.',
    labels: ['input', 'output', 'outcome'],
  },
  'media_proxy.store.operation.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Operations of the object store, up to the head of its answer.',
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
      'External fetches, up to the head of the answer; refused addresses have the outcome address-refused.',
    labels: ['outcome'],
  },
  'media_proxy.engine.job.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Jobs of engine processes, from the process that took one to its result.',
    labels: ['job', 'outcome'],
  },
  'media_proxy.engine.cpu.time': {
    kind: 'counter',
    unit: 's',
    description: 'Processor time of the jobs of engine processes.',
    labels: ['job'],
  },
  'media_proxy.engine.processes': {
    kind: 'gauge',
    unit: '1',
    description:
      'Engine processes, at work or ready for it, by pool: for what is over soon, and for the rest.',
    labels: ['pool'],
  },
  'media_proxy.engine.progress': {
    kind: 'gauge',
    unit: '1',
    description: 'How much is done of each clip that is being made, from 0 to 1; 0 where none is.',
    labels: ['slot'],
  },
  'media_proxy.engine.lost': {
    kind: 'counter',
    unit: '1',
    description:
      'Jobs that ended their process: a decoder crashed, a limit of processor time or memory was passed, or it was killed.',
    labels: ['job'],
  },
  'media_proxy.nsfw.scan.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Scans of one source, waiting for the model included.',
    labels: ['outcome'],
  },
  'media_proxy.nsfw.frames': {
    kind: 'counter',
    unit: '1',
    description: 'Frames that were given to the model.',
    labels: [],
  },
  'media_proxy.nsfw.batch.size': {
    kind: 'histogram',
    unit: '1',
    description: 'Frames that the model was given at once.',
    labels: [],
  },
  'media_proxy.admission.waiting': {
    kind: 'gauge',
    unit: '1',
    description: 'Pieces of work that wait for a place.',
    labels: ['lane'],
  },
  'media_proxy.admission.running': {
    kind: 'gauge',
    unit: '1',
    description: 'Pieces of work that run.',
    labels: ['lane'],
  },
  'media_proxy.admission.wait.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Time from asking for a place to getting it.',
    labels: ['lane'],
  },
  'media_proxy.admission.refusals': {
    kind: 'counter',
    unit: '1',
    description:
      'Work that got no place: overloaded, or its deadline passed or its last client left while it waited.',
    labels: ['lane', 'failure'],
  },
  'media_proxy.refusals': {
    kind: 'counter',
    unit: '1',
    description: 'Requests that ended in a failure, by its code.',
    labels: ['failure'],
  },
  'media_proxy.attachment.reports': {
    kind: 'counter',
    unit: '1',
    description: 'Attachments whose signature does not hold, served because attachmentSignatures is report.',
    labels: [],
  },
  'media_proxy.gate.untrusted_proxies': {
    kind: 'counter',
    unit: '1',
    description: 'Requests with X-Forwarded-For from a near peer that trustedProxies does not name.',
    labels: [],
  },
  'media_proxy.rate_limit.refusals': {
    kind: 'counter',
    unit: '1',
    description: 'Requests over a budget.',
    labels: ['budget'],
  },
  'media_proxy.unhandled_errors': {
    kind: 'counter',
    unit: '1',
    description: 'Defects: errors that were thrown where none is expected.',
    labels: [],
  },
  'nodejs.eventloop.delay.p99': {
    kind: 'gauge',
    unit: 's',
    description: 'Delay of the event loop, since the metrics were last asked for.',
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

/** The name as `/_metrics` has it; counters end in `_total`, histograms have `_bucket` and its like behind it. */
export function prometheusName(name: MetricName): string {
  const base = name.replaceAll('.', '_')
  return METRICS[name].kind === 'counter' ? `${base}_total` : base
}
