/** Traces by OTLP/HTTP. Loaded only where they are wanted: without an endpoint nothing of it is there. */

import { context, propagation, trace } from '@opentelemetry/api'
import { SERVICE_NAME } from './metrics.ts'

export interface TracingOptions {
  /** Base URL of the receiver. */
  readonly otlpEndpoint: string
  /** Share of the traces that begin here, 0..1; one that began before us goes on as it began. */
  readonly sampleRatio: number
}

/** Starts tracing for the whole process; the result ends it, sending what is left. */
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
