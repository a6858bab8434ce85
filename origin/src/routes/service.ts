import type { Endpoint } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { type Answer, type Exchange, refuse } from './answer.ts'

export interface ServiceOptions {
  readonly telemetryEnabled: boolean
  /** What is not ready, by name; empty when all is. */
  readonly notReady: () => Promise<readonly string[]>
  readonly now: () => Date
}

/** Answers what is about the service itself. */
export async function serveEndpoint(
  endpoint: Exclude<Endpoint, 'thumbnail' | 'frames'>,
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
    case 'metrics':
    case 'purge':
    case 'metadata':
      return refuse(notYet(endpoint), exchange.requestId)
  }
}

function notYet(endpoint: Endpoint): Failure {
  return fail('not-implemented', endpoint)
}

function telemetry(exchange: Exchange, { telemetryEnabled, now }: ServiceOptions): Answer {
  const body = JSON.stringify({
    telemetry_enabled: telemetryEnabled,
    service: 'fluxer_media_proxy',
    timestamp: now().toISOString(),
  })
  return plain(body, 200, 'application/json', exchange)
}

function text(body: string, status: number, exchange: Exchange): Answer {
  return plain(body, status, 'text/plain; charset=utf-8', exchange)
}

function plain(body: string, status: number, contentType: string, exchange: Exchange): Answer {
  const headers = {
    'content-type': contentType,
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    'x-request-id': exchange.requestId,
  }
  return { response: new Response(exchange.method === 'HEAD' ? null : body, { status, headers }) }
}
