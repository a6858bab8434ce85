/**
 * The addresses that external fetches may reach (contract, section 8). The policy prevents a signed URL, or a
 * redirect from it, from reaching anything that only this machine or its network can reach: metadata
 * services, databases, the service itself. Names are checked here by their form. Their addresses are checked
 * by `isPublicAddress`, on the same address that is then connected to (see `pinned-lookup.ts`), because a
 * second resolution may return another one.
 */

import { type Failure, failWithHint } from '@media-proxy/shared/response/failure.ts'
import ipaddr from 'ipaddr.js'

export interface AddressPolicy {
  /** Allowed ports besides 80 and 443. */
  readonly ports: readonly number[]
  /** Entries are `host` or `host:port`. They are exempt from the rules for addresses and ports. */
  readonly allowedHosts: readonly string[]
  /** The addresses of this machine, which are rejected even when they are public. */
  readonly ownAddresses: readonly string[]
}

const DEFAULT_PORTS: readonly number[] = [80, 443]
const MAX_NAME_LENGTH = 253
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * Checks everything about a URL that can be checked before its name is resolved. The URL parser has already
 * normalised decimal, octal, hexadecimal and short forms of IPv4, percent-encoded hosts and non-ASCII dots.
 * Fails with `address-rejected`.
 */
export function validateUrl(url: URL, policy: AddressPolicy): Failure | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return reject('only http and https are allowed')
  if (url.username !== '' || url.password !== '')
    return reject('a URL with a user name or password is not allowed')
  if (isAllowedHost(url, policy)) return undefined
  const port = portOf(url)
  if (!DEFAULT_PORTS.includes(port) && !policy.ports.includes(port))
    return reject(`port ${port} is not allowed`)
  const literal = literalAddress(url.hostname)
  if (literal !== undefined)
    return isPublicAddress(literal, policy) ? undefined : reject('the address is not public')
  return isHostName(url.hostname) ? undefined : reject('the host is not a fully qualified name')
}

/** Whether the operator has exempted this host, or this host with this port. */
export function isAllowedHost(url: URL, { allowedHosts }: AddressPolicy): boolean {
  return allowedHosts.includes(url.hostname) || allowedHosts.includes(`${url.hostname}:${portOf(url)}`)
}

/** Returns the IP address in the host of a URL, without the brackets of IPv6. Undefined for a name. */
function literalAddress(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
  return ipaddr.isValid(bare) && (bare !== hostname || ipaddr.IPv4.isValidFourPartDecimal(bare))
    ? bare
    : undefined
}

/**
 * Whether a host is a name of at least two valid labels. A trailing dot, a single label or a numeric
 * top-level domain is not valid.
 */
function isHostName(hostname: string): boolean {
  const labels = hostname.split('.')
  if (hostname.length > MAX_NAME_LENGTH || labels.length < 2) return false
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
}

/** Whether an address may be connected to. An address that cannot be parsed, or that has a zone, may not. */
export function isPublicAddress(
  address: string,
  { ownAddresses }: Pick<AddressPolicy, 'ownAddresses'>,
): boolean {
  const parsed = parseAddress(address)
  if (parsed === undefined || ownAddresses.some((own) => isSame(own, parsed))) return false
  return parsed instanceof ipaddr.IPv4 ? isPublicIpv4(parsed) : isPublicIpv6(parsed)
}

/**
 * Parses an address and converts an IPv4-mapped one to IPv4. The URL parser first rewrites IPv6 without dots:
 * ipaddr.js treats `::1.2.3.4`, as resolvers print it, as a mapped address, which it is not.
 */
function parseAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (!address.includes(':')) {
    return ipaddr.IPv4.isValidFourPartDecimal(address) ? ipaddr.IPv4.parse(address) : undefined
  }
  const host = `http://[${address}]/`
  return URL.canParse(host) ? ipaddr.process(new URL(host).hostname.slice(1, -1)) : undefined
}

function isSame(own: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return parseAddress(own)?.toNormalizedString() === address.toNormalizedString()
}

const REJECTED_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // The host endpoint of the virtual machines of one cloud provider.
  '168.63.129.16/32',
].map((range) => ipaddr.IPv4.parseCIDR(range))

function isPublicIpv4(address: ipaddr.IPv4): boolean {
  return !REJECTED_IPV4.some((range) => address.match(range))
}

const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')
const REJECTED_IPV6 = [
  // Protocol assignments, including Teredo, whose addresses embed IPv4.
  '2001::/23',
  '2001:db8::/32',
  // 6to4, which embeds IPv4.
  '2002::/16',
  '3fff::/20',
].map((range) => ipaddr.IPv6.parseCIDR(range))

function isPublicIpv6(address: ipaddr.IPv6): boolean {
  if (!address.match(GLOBAL_IPV6) || REJECTED_IPV6.some((range) => address.match(range))) return false
  // ISATAP interface identifiers embed IPv4 (RFC 5214, section 6.1).
  const [, , , , high, low] = address.parts
  return !((high === 0 || high === 0x0200) && low === 0x5efe)
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}

function reject(why: string): Failure {
  return failWithHint('address-rejected', why)
}
