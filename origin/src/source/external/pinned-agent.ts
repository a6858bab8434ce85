/**
 * Connects to external hosts: a name is resolved once, every address of the answer is checked, and the
 * connection uses one of the checked addresses. Resolving once for the check and again for the connection
 * would allow a resolver to return different answers.
 */

import { constants } from 'node:crypto'
import { lookup } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { Agent } from 'undici'
import { type AddressPolicy, isPublicAddress } from './address-policy.ts'

export interface PinnedAgentOptions {
  readonly policy: AddressPolicy
  /** The name servers to query, as `address` or `address:port`. When empty, those of the system. */
  readonly nameServers: readonly string[]
  readonly connectTimeoutMs: number
}

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
/**
 * How long to try one of several addresses before the next one, in milliseconds. A lost SYN is sent again
 * after one second (RFC 6298), so Node's default of 250 ms abandons servers on distant or lossy networks.
 */
const ATTEMPT_TIMEOUT_MS = 2500
/** The largest header of a response, in bytes. Browsers have the same limit. */
export const MAX_HEADER_BYTES = 256 * 1024
/** The maximum number of addresses in one answer. An honest host does not have more. */
const MAX_ADDRESSES = 64

/** How to connect to one kind of hosts. */
export interface Connector {
  /** The agent that keeps connections alive. */
  readonly agent: Agent
  /** The options of a single connection outside of the agent, which obeys the same policy. */
  readonly connection: {
    readonly lookup: LookupFunction
    readonly autoSelectFamily: true
    readonly autoSelectFamilyAttemptTimeout: number
    readonly secureOptions: number
  }
}

/** Creates the connector for all hosts under the policy. */
export function createPinnedConnector(options: PinnedAgentOptions): Connector {
  return createConnector(options, createPinnedLookup(options.policy, options.nameServers))
}

/** Creates the connector for the hosts that the operator has exempted. Their names may resolve to anything. */
export function createExemptConnector(options: PinnedAgentOptions): Connector {
  return createConnector(options, lookup as LookupFunction)
}

function createConnector({ connectTimeoutMs }: PinnedAgentOptions, resolve: LookupFunction): Connector {
  const connection = {
    lookup: resolve,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    // Servers without RFC 5746 are accepted, as in browsers. The attack that it prevents inserts an attacker's
    // request before that of a client with credentials, and these requests have none.
    secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
  } as const
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs, ...connection },
    // A malformed response of an upstream can then affect only its own connection.
    pipelining: 1,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 10_000,
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  return { agent, connection }
}

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
