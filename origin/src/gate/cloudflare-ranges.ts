/** The published address ranges of Cloudflare: built in, and refreshed while the service runs. */

import ipaddr from 'ipaddr.js'
import { LRUCache } from 'lru-cache'
import type { Log } from '../telemetry/log.ts'

/** As published in February 2026 at www.cloudflare.com/ips-v4 and ips-v6. */
const BUILT_IN = [
  ...['173.245.48.0/20', '103.21.244.0/22', '103.22.200.0/22', '103.31.4.0/22', '141.101.64.0/18'],
  ...['108.162.192.0/18', '190.93.240.0/20', '188.114.96.0/20', '197.234.240.0/22', '198.41.128.0/17'],
  ...['162.158.0.0/15', '104.16.0.0/13', '104.24.0.0/14', '172.64.0.0/13', '131.0.72.0/22'],
  ...['2400:cb00::/32', '2606:4700::/32', '2803:f800::/32', '2405:b500::/32', '2405:8100::/32'],
  ...['2a06:98c0::/29', '2c0f:f248::/32'],
]

const LISTS = ['https://www.cloudflare.com/ips-v4', 'https://www.cloudflare.com/ips-v6']
const REFRESH_MS = 86_400_000
const FETCH_TIMEOUT_MS = 10_000
/** The lists have a few lines. Another page, such as an error page, has many more. */
const MAX_RANGES = 200
/**
 * The number of addresses whose result is remembered. The same few peers recur, and parsing an address takes
 * longer than a lookup.
 */
const REMEMBERED_ADDRESSES = 1024

export interface AddressRanges {
  includes(address: string): boolean
}

/**
 * Parses ranges in CIDR notation or single addresses. Throws a `RangeError` that names the first invalid one.
 */
export function parseRanges(texts: readonly string[]): AddressRanges {
  const ranges = texts.map(parseRange)
  const isIncluded = (address: string) => {
    if (!ipaddr.isValid(address)) return false
    const parsed = ipaddr.process(address)
    return ranges.some(([range, bits]) => parsed.kind() === range.kind() && parsed.match(range, bits))
  }
  const known = new LRUCache<string, boolean>({ max: REMEMBERED_ADDRESSES, memoMethod: isIncluded })
  return { includes: (address) => known.memo(address) }
}

function parseRange(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  if (!ipaddr.isValid(text)) throw new RangeError(`${text} is neither an address nor a range`)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

export interface CloudflareRangesOptions {
  readonly log: Log
  /** Fetches a list. Rejects when that fails. */
  readonly fetchText?: (url: string) => Promise<string>
}

/** Creates the ranges. When a refresh fails, the current list stays in use. */
export function createCloudflareRanges({ log, fetchText = fetchList }: CloudflareRangesOptions) {
  let current = parseRanges(BUILT_IN)
  return {
    includes: (address: string) => current.includes(address),

    async refresh(): Promise<void> {
      try {
        const texts = await Promise.all(LISTS.map(fetchText))
        const lines = texts.flatMap((text) => text.split('\n').filter((line) => line.trim() !== ''))
        if (lines.length === 0 || lines.length > MAX_RANGES) throw new RangeError(`${lines.length} ranges`)
        if (!lines.every((line) => ipaddr.isValidCIDR(line.trim())))
          throw new RangeError('not a list of ranges')
        current = parseRanges(lines.map((line) => line.trim()))
      } catch (error) {
        log.warn({ err: error }, "Cloudflare's ranges could not be refreshed; the list before stays in use")
      }
    },

    /** Refreshes the lists now and once a day, until the process ends. */
    keepFresh(): void {
      void this.refresh()
      setInterval(() => void this.refresh(), REFRESH_MS).unref()
    },
  }
}

async function fetchList(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: 'error' })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return response.text()
}
