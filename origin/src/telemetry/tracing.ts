/**
 * Exports traces with OTLP/HTTP. The OpenTelemetry SDK for it is loaded only when an endpoint is configured.
 */

import { context, propagation, trace } from '@opentelemetry/api'
import { SERVICE_NAME } from './metrics.ts'

export interface TracingOptions {
  /** The base URL of the receiver. */
  readonly otlpEndpoint: string
  /**
   * The share of traces started here that is sampled, 0 to 1.
   * A trace that started elsewhere keeps its own decision.
   */
  readonly sampleRatio: number
}

/**
 * Starts tracing for the whole process. Returns a function that stops it after sending the remaining spans.
 */
export async function startTracing({
  otlpEndpoint,
  sampleRatio,
}: TracingOptions): Promise<() => Promise<void>> {
  const [sdk, exporter, hooks, core, resources] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
  ])
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': SERVICE_NAME }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new exporter.OTLPTraceExporter({ url: `${otlpEndpoint}/v1/traces` }),
      }),
    ],
  })
  const manager = new hooks.AsyncLocalStorageContextManager().enable()
  context.setGlobalContextManager(manager)
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(provider)
  return async () => {
    await provider.shutdown()
    trace.disable()
    propagation.disable()
    context.disable()
  }
}
