import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type Finding, ok, warning } from './finding.ts'
import { localUrl } from './local-url.ts'

const TIMEOUT_MS = 2000
const UNTRUSTED = /^media_proxy_gate_untrusted_proxies_total(?:\{[^}]*\})? (\d+)/m

/**
 * Checks the metrics of an origin that is running with this
 * configuration. Returns no findings when none is running.
 */
export async function checkRunning({ host, port, secretKey }: Config): Promise<readonly Finding[]> {
  const check = 'clients'
  const metrics = await readMetrics(`${localUrl(host, port)}/_metrics`, secretKey[0])
  if (metrics === undefined) return []
  const requests = Number(UNTRUSTED.exec(metrics)?.[1] ?? 0)
  if (requests === 0) return [ok(check, 'no untrusted proxy was seen')]
  return [
    warning(
      check,
      `${requests} requests carried X-Forwarded-For from a near peer that is not trusted: its clients share one budget`,
      'name the proxy in MEDIA_PROXY_TRUSTED_PROXIES; the log of the origin says its address',
    ),
  ]
}

async function readMetrics(url: string, secret: string | undefined): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      headers: secret === undefined ? {} : { 'x-internal-secret': secret },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return response.ok ? await response.text() : undefined
  } catch {
    // Nothing is running there, or another program is, which the check of the port has reported.
    return undefined
  }
}
