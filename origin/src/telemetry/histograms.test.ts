import { resourceFromAttributes } from '@opentelemetry/resources'
import { type HistogramMetricData, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { expect, it } from 'vitest'
import { createHistograms } from './histograms.ts'

const NAME = 'media_proxy.store.operation.duration'
const BOUNDS = [0.001, 0.01, 0.1, 1]

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

it('contain the same values as those of the SDK', async () => {
  const resource = resourceFromAttributes({})
  const ours = createHistograms({ resource, scope: 'test', boundsOf: () => BOUNDS })
  const reader = new Reader({ metricProducers: [ours] })
  const provider = new MeterProvider({ resource, readers: [reader] })
  const theirs = provider
    .getMeter('theirs')
    .createHistogram(NAME, { unit: 's', advice: { explicitBucketBoundaries: BOUNDS } })
  const record = (value: number, labels: Record<string, string>) => {
    ours.record(NAME, value, labels)
    theirs.record(value, labels)
  }
  for (const value of [...BOUNDS, 0, 0.000_5, 0.5, 1.0001, 99, Number.NaN])
    for (const operation of ['get', 'head']) record(value, { operation, outcome: 'ok' })
  // The order of the labels does not matter.
  record(0.2, { outcome: 'ok', operation: 'get' })
  record(0.3, { operation: 'get', outcome: 'not-found' })

  const { resourceMetrics } = await reader.collect()
  const [sdk, own] = ['theirs', 'test'].map((scope) => {
    const found = resourceMetrics.scopeMetrics.find((each) => each.scope.name === scope)
    const histogram = found?.metrics[0] as HistogramMetricData | undefined
    return histogram?.dataPoints.map(({ attributes, value }) => ({ attributes, value }))
  })
  expect(own).toHaveLength(3)
  expect(own).toEqual(sdk)
})
