/**
 * Observes a piece of work: its span, its duration as a
 * metric, and its stage in the log record of the request.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import {
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { HistogramName, Labels } from './metric-table.ts'
import type { Metrics } from './metrics.ts'

export interface Observer {
  readonly metrics: Metrics
  /**
   * Runs work as a span below that of the request, and records its duration with the label `outcome`: `ok`,
   * the code of a failure, or `error` when it threw.
   */
  observe<T>(what: Observed, work: () => Promise<T>): Promise<T>
  /** Adds time to a stage of the current request, if there is one. */
  note(stage: string, milliseconds: number): void
  /** Runs a request as the root span of this service, with its own times of stages. */
  request<T>(request: ObservedRequest, work: (stages: Stages) => Promise<T>): Promise<T>
}

export interface Observed {
  readonly span: string
  readonly metric?: HistogramName
  readonly labels?: Labels
}

export interface ObservedRequest {
  readonly name: string
  readonly headers: Headers
  /**
   * Whether the trace context of the caller is used. It is for the edge and for callers that know the secret.
   */
  readonly trusted: boolean
  /** Returns the attributes of the span, once the work is done. */
  readonly attributes: () => Labels
}

/**
 * The total milliseconds by stage. Work that several requests share is attributed to the one that started it.
 */
export type Stages = Map<string, number>

export interface ObserverOptions {
  readonly metrics: Metrics
  /**
   * Whether spans are exported. Even spans that are not exported take a twentieth of the time of a cache hit.
   */
  readonly traced: boolean
}

export function createObserver({ metrics, traced }: ObserverOptions): Observer {
  const stages = new AsyncLocalStorage<Stages>()
  const inSpan = traced ? spansOf(trace.getTracer('media-proxy')) : UNTRACED
  return {
    metrics,

    note(stage, milliseconds) {
      const sheet = stages.getStore()
      sheet?.set(stage, (sheet.get(stage) ?? 0) + milliseconds)
    },

    async observe({ span: name, metric, labels = {} }, work) {
      const startedAt = performance.now()
      let outcome = 'error'
      return inSpan(name, {}, context.active(), async (span) => {
        try {
          const result = await work()
          outcome = isFailure(result) ? result.code : 'ok'
          return result
        } finally {
          const milliseconds = performance.now() - startedAt
          const sheet = stages.getStore()
          sheet?.set(name, (sheet.get(name) ?? 0) + milliseconds)
          if (metric !== undefined) metrics.record(metric, milliseconds / 1000, { ...labels, outcome })
          end(span, { ...labels, outcome })
        }
      })
    },

    request({ name, headers, trusted, attributes }, work) {
      const sheet: Stages = new Map()
      const parent =
        traced && trusted
          ? propagation.extract(context.active(), headers, {
              get: (carrier, key) => carrier.get(key) ?? undefined,
              keys: (carrier) => [...carrier.keys()],
            })
          : context.active()
      return stages.run(sheet, () =>
        inSpan(name, { kind: SpanKind.SERVER }, parent, async (span) => {
          try {
            return await work(sheet)
          } finally {
            end(span, attributes())
          }
        }),
      )
    },
  }
}

/** Runs work in a span below another one. */
type InSpan = <T>(name: string, options: SpanOptions, parent: Context, work: (span: Span) => T) => T

const spansOf =
  (tracer: Tracer): InSpan =>
  (name, options, parent, work) =>
    tracer.startActiveSpan(name, options, parent, work)

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
const UNTRACED: InSpan = (_name, _options, _parent, work) => work(NO_SPAN)

function end(span: Span, attributes: Labels): void {
  if (span.isRecording()) {
    span.setAttributes(attributes)
    if (attributes.outcome !== undefined && attributes.outcome !== 'ok') {
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(attributes.outcome) })
    }
  }
  span.end()
}
