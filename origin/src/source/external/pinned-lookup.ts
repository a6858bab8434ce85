/**
 * Resolves the names of external hosts: once for each connection, which uses one of the addresses that were
 * checked. Resolving once for the check and again for the connection
 * would allow a resolver to return different answers.
 */

import { Resolver } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { type AddressPolicy, isPublicAddress } from './address-policy.ts'

/** The error with which a connection is rejected. `failure` is the reason. */
export class ConnectionRejection extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.code)
    this.failure = failure
  }
}

/** The timeout of the first query to a name server, in milliseconds. It doubles with each further try. */
const QUERY_TIMEOUT_MS = 2500
const QUERY_TRIES = 3
/** The timeout of a whole lookup, in milliseconds. */
const LOOKUP_TIMEOUT_MS = 10_000
/**
 * How long to wait for IPv6 addresses once there are IPv4 addresses, in milliseconds. Some name servers never
 * answer queries for IPv6. RFC 8305, section 3, recommends 50 ms; a busy process needs more.
 */
const IPV6_DELAY_MS = 250
/** The maximum number of addresses in one answer. An honest host does not have more. */
const MAX_ADDRESSES = 64

/**
 * Returns a lookup function that resolves a name for one connection and returns only checked addresses. It
 * does not use `getaddrinfo` of the system, which blocks a thread of the pool on which images are rendered.
 */
export function createPinnedLookup(
  policy: Pick<AddressPolicy, 'ownAddresses'>,
  nameServers: readonly string[],
): LookupFunction {
  return (hostname, options, callback) => {
    resolveAll(hostname, nameServers).then(
      (addresses) => {
        const rejected = validateAll(addresses, policy)
        if (rejected !== undefined) return callback(new ConnectionRejection(rejected), '', 0)
        const [first] = addresses
        if (options.all || first === undefined) return callback(null, [...addresses])
        callback(null, first.address, first.family)
      },
      (error: unknown) => callback(new ConnectionRejection(unresolved(error)), '', 0),
    )
  }
}

interface Address {
  readonly address: string
  readonly family: 4 | 6
}

/**
 * Resolves a name with a resolver of its own. A common one adapts its timeouts to the latency of earlier
 * queries (c-ares 1.32 and later): after some quick ones it gives up on a name that takes longer than a second.
 * It also fails all pending queries when one response is malformed.
 */
async function resolveAll(hostname: string, nameServers: readonly string[]): Promise<Address[]> {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES })
  if (nameServers.length > 0) resolver.setServers([...nameServers])
  const timer = setTimeout(() => resolver.cancel(), LOOKUP_TIMEOUT_MS)
  try {
    return await resolveFamilies(resolver, hostname)
  } finally {
    clearTimeout(timer)
    // A query for IPv6 may still be pending.
    resolver.cancel()
  }
}

/**
 * Resolves both address families. One may fail, or IPv6 may be late, when the other has addresses: the
 * connection goes only to the returned addresses, which are all checked.
 */
async function resolveFamilies(resolver: Resolver, hostname: string): Promise<Address[]> {
  const six = settled(resolver.resolve6(hostname))
  const four = await settled(resolver.resolve4(hostname))
  const hasFour = four.addresses.length > 0
  const late = { addresses: [], error: undefined }
  const answered = hasFour ? await Promise.race([six, pause(IPV6_DELAY_MS, late, { ref: false })]) : await six
  if (four.error !== undefined && answered.error !== undefined) throw four.error
  return [
    ...four.addresses.map((address) => ({ address, family: 4 as const })),
    ...answered.addresses.map((address) => ({ address, family: 6 as const })),
  ]
}

interface Resolved {
  readonly addresses: readonly string[]
  readonly error: unknown
}

function settled(answer: Promise<readonly string[]>): Promise<Resolved> {
  return answer.then(
    (addresses) => ({ addresses, error: undefined }),
    (error: unknown) => ({ addresses: [], error }),
  )
}

/** Fails when any address of the answer is not public: an honest host has none. */
function validateAll(
  addresses: readonly Address[],
  policy: Pick<AddressPolicy, 'ownAddresses'>,
): Failure | undefined {
  if (addresses.length === 0) return fail('external-unreachable', 'the name has no address')
  if (addresses.length > MAX_ADDRESSES) return fail('address-rejected', `${addresses.length} addresses`)
  return addresses.every(({ address }) => isPublicAddress(address, policy))
    ? undefined
    : fail('address-rejected', 'the name resolves to an address that is not public')
}

function unresolved(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  return code === 'ETIMEOUT' || code === 'ETIMEDOUT' || code === 'ECANCELLED'
    ? fail('external-timeout', 'the name servers do not answer')
    : fail('external-unreachable', `the name cannot be resolved: ${code}`)
}
