/**
 * Histograms in plain arrays. Every response is recorded in two of them, and the histograms of the
 * OpenTelemetry SDK take twice the time. The readers of the SDK accept these as well (`MetricProducer`).
 */

import { type HrTime, ValueType } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import { type HistogramName, type Labels, METRICS, type MetricDefinition } from './metric-table.ts'

export interface HistogramOptions {
  readonly resource: Resource
  /** The name of the instrumentation scope, as for a meter. */
  readonly scope: string
  /** Returns the upper bounds of the buckets, in ascending order. The last bucket has no bound. */
  readonly boundsOf: (name: HistogramName) => readonly number[]
}

export interface Histograms extends MetricProducer {
  /** Records a value, in the unit of the metric. */
  record(name: HistogramName, value: number, labels: Labels): void
}

interface Series {
  readonly labels: Labels
  readonly counts: number[]
  sum: number
  min: number
  max: number
}

interface Histogram {
  readonly definition: MetricDefinition
  readonly bounds: readonly number[]
  /** Keyed by the values of the labels, in the order of the table. */
  readonly series: Map<string, Series>
}

export function createHistograms({ resource, scope, boundsOf }: HistogramOptions): Histograms {
  const startTime = hrTimeNow()
  const histograms = new Map<HistogramName, Histogram>()

  function histogramOf(name: HistogramName): Histogram {
    const known = histograms.get(name)
    if (known !== undefined) return known
    const made = { definition: METRICS[name], bounds: boundsOf(name), series: new Map<string, Series>() }
    histograms.set(name, made)
    return made
  }

  return {
    record(name, value, labels) {
      if (Number.isNaN(value)) return
      const { definition, bounds, series } = histogramOf(name)
      let key = ''
      for (const label of definition.labels) key += `${labels[label]}\n`
      let found = series.get(key)
      if (found === undefined) {
        found = {
          labels: { ...labels },
          counts: new Array<number>(bounds.length + 1).fill(0),
          sum: 0,
          min: Number.POSITIVE_INFINITY,
          max: Number.NEGATIVE_INFINITY,
        }
        series.set(key, found)
      }
      let bucket = 0
      while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1
      found.counts[bucket] = (found.counts[bucket] ?? 0) + 1
      found.sum += value
      found.min = Math.min(found.min, value)
      found.max = Math.max(found.max, value)
    },

    async collect() {
      const endTime = hrTimeNow()
      const metrics = [...histograms].map(
        ([name, { definition, bounds, series }]): HistogramMetricData => ({
          descriptor: {
            name,
            unit: definition.unit,
            description: definition.description,
            valueType: ValueType.DOUBLE,
          },
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          dataPointType: DataPointType.HISTOGRAM,
          dataPoints: [...series.values()].map(({ labels, counts, sum, min, max }) => ({
            startTime,
            endTime,
            attributes: labels,
            value: {
              buckets: { boundaries: [...bounds], counts: [...counts] },
              sum,
              count: counts.reduce((all, count) => all + count, 0),
              min,
              max,
            },
          })),
        }),
      )
      return {
        resourceMetrics: { resource, scopeMetrics: [{ scope: { name: scope }, metrics }] },
        errors: [],
      }
    },
  }
}

const NANOSECONDS_PER_MS = 1e6

function hrTimeNow(): HrTime {
  const now = Date.now()
  return [Math.floor(now / 1000), (now % 1000) * NANOSECONDS_PER_MS]
}
