import type { Endpoint } from '@media-proxy/shared/request/media-request.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'
import { jsonResponse, textResponse } from '@media-proxy/shared/response/plain.ts'
import type { TelemetryAnswer } from '../api/answers.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'
import type { InternalEndpoint } from './internal.ts'
import { type MetricsRouteOptions, serveMetrics } from './metrics.ts'

export interface ServiceOptions extends MetricsRouteOptions {
  /** Returns the OpenAPI description of the service. Undefined when the service does not publish one. */
  readonly description: (() => object) | undefined
  readonly telemetryEnabled: boolean
  /** Returns the names of the parts that are not ready. Empty when all are ready. */
  readonly notReady: () => Promise<readonly string[]>
  readonly now: () => Date
}

/** Serves the endpoints about the service itself. */
export async function serveEndpoint(
  endpoint: Exclude<Endpoint, InternalEndpoint>,
  exchange: Exchange,
  options: ServiceOptions,
): Promise<Answer> {
  switch (endpoint) {
    case 'health':
      return text('OK', 200, exchange)
    case 'ready': {
      const missing = await options.notReady()
      return missing.length === 0
        ? text('OK', 200, exchange)
        : text(`Not ready: ${missing.join(', ')}`, 503, exchange)
    }
    case 'telemetry':
      return telemetry(exchange, options)
    case 'openapi':
      return options.description === undefined
        ? reject(fail('no-route'), exchange.requestId)
        : { response: jsonResponse(options.description(), exchange) }
    case 'metrics':
      return serveMetrics(exchange, options)
  }
}

function telemetry(exchange: Exchange, { telemetryEnabled, now }: ServiceOptions): Answer {
  const value: TelemetryAnswer = {
    telemetry_enabled: telemetryEnabled,
    service: 'fluxer_media_proxy',
    timestamp: now().toISOString(),
  }
  return { response: jsonResponse(value, exchange) }
}

function text(body: string, status: number, exchange: Exchange): Answer {
  return { response: textResponse(body, status, exchange) }
}
