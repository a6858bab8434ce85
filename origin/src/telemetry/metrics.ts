/**
 * The metrics of an origin, recorded with OpenTelemetry, exposed to Prometheus, and pushed with OTLP when
 * that is configured.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  type IMetricReader,
  MeterProvider,
  MetricReader,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { createHistograms } from './histograms.ts'
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type Labels,
  METRICS,
  type MetricDefinition,
  type MetricName,
} from './metric-table.ts'

export interface Metrics {
  count(name: CounterName, labels?: Labels, by?: number): void
  record(name: HistogramName, value: number, labels?: Labels): void
  /** Registers a gauge whose value is read when the metrics are collected. */
  watch(name: GaugeName, read: () => readonly (readonly [value: number, labels: Labels])[]): void
  /** Returns the metrics in the text format of Prometheus. */
  exposition(): Promise<string>
  close(): Promise<void>
}

export interface MetricsOptions {
  /** The base URL of an OTLP/HTTP receiver to which the metrics are pushed. */
  readonly otlpEndpoint: string | undefined
}

/** The name of the service in metrics and traces. */
export const SERVICE_NAME = 'media-proxy-origin'
const SCOPE = 'media-proxy'

const SECOND_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const BYTE_BOUNDS = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 268_435_456]
const COUNT_BOUNDS = [1, 2, 3, 4, 8, 16]
const BOUNDS = { s: SECOND_BOUNDS, By: BYTE_BOUNDS, '1': COUNT_BOUNDS } as const
const PUSH_INTERVAL_MS = 30_000

/** A reader without a schedule: each scrape of Prometheus triggers a collection. */
class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Creates the metrics, which Prometheus scrapes and which are pushed if there is a receiver. */
export async function createMetrics({ otlpEndpoint }: MetricsOptions): Promise<Metrics> {
  const resource = resourceFromAttributes({ 'service.name': SERVICE_NAME })
  const histograms = createHistograms({
    resource,
    scope: SCOPE,
    boundsOf: (name) => BOUNDS[METRICS[name].unit],
  })
  const metricProducers = [histograms]
  const pull = new PullReader({ metricProducers })
  const readers: IMetricReader[] = [pull]
  if (otlpEndpoint !== undefined) {
    // Imported only when metrics are pushed, because it adds a tenth of a second to the start, and 20 MB.
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-http')
    const exporter = new OTLPMetricExporter({ url: `${otlpEndpoint}/v1/metrics` })
    readers.push(
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: PUSH_INTERVAL_MS,
        metricProducers,
      }),
    )
  }
  const provider = new MeterProvider({ resource, readers })
  const meter = provider.getMeter(SCOPE)
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
  const optionsOf = (name: MetricName) => {
    const { unit, description }: MetricDefinition = METRICS[name]
    return { unit, description }
  }
  const named = <Kind extends MetricDefinition['kind'], T>(kind: Kind, make: (name: MetricName) => T) =>
    new Map(
      (Object.keys(METRICS) as MetricName[])
        .filter((name) => METRICS[name].kind === kind)
        .map((name) => [name, make(name)]),
    )
  const counters = named('counter', (name) => meter.createCounter(name, optionsOf(name)))
  const gauges = named('gauge', (name) => meter.createObservableGauge(name, optionsOf(name)))

  // A counter that was never incremented would be missing, and an alert on it would never fire.
  for (const [name, counter] of counters) if (METRICS[name].labels.length === 0) counter.add(0)

  const metrics: Metrics = {
    count: (name, labels = {}, by = 1) => counters.get(name)?.add(by, labels),
    record: (name, value, labels = {}) => histograms.record(name, value, labels),
    watch(name, read) {
      gauges.get(name)?.addCallback((result) => {
        for (const [value, labels] of read()) result.observe(value, labels)
      })
    },
    async exposition() {
      const { resourceMetrics } = await pull.collect()
      return serializer.serialize(resourceMetrics)
    },
    close: () => provider.shutdown(),
  }
  watchProcess(metrics)
  return metrics
}

function watchProcess(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  metrics.watch('nodejs.eventloop.delay.p99', () => {
    const seconds = delay.percentile(99) / 1e9
    delay.reset()
    return [[Number.isFinite(seconds) ? seconds : 0, {}]]
  })
  metrics.watch('process.memory.usage', () => [[process.memoryUsage.rss(), {}]])
  metrics.watch('v8js.memory.heap.used', () => [[process.memoryUsage().heapUsed, {}]])
}
