/**
 * Connections to external hosts: a name is resolved once, every address of the answer is checked, and the
 * connection goes to one that was. Checking first and connecting later would let a resolver answer twice.
 */

import { lookup } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { Agent } from 'undici'
import { type AddressPolicy, isPublicAddress } from './address-policy.ts'

export interface PinnedAgentOptions {
  readonly policy: AddressPolicy
  /** Name servers to ask, as `address` or `address:port`; the system's where there are none. */
  readonly nameServers: readonly string[]
  readonly connectTimeoutMs: number
}

/** What a connection is refused with; `failure` says why. */
export class ConnectionRejection extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.code)
    this.failure = failure
  }
}

const RESOLVE_TIMEOUT_MS = 5000
const RESOLVE_TRIES = 2
/**
 * How long IPv6 addresses are waited for once there are IPv4 addresses (RFC 8305, section 3, names 50 ms; a busy process
 * needs more). Some name servers never answer questions for IPv6.
 */
const IPV6_DELAY_MS = 250
/**
 * How long a connection to one of several addresses may take before the next address is tried. Node's 250 ms abandon a
 * far or a lossy server: a lost SYN is sent again after one second (RFC 6298).
 */
const ATTEMPT_TIMEOUT_MS = 2500
/** Addresses of one answer that are checked; a longer answer is not one of an honest host. */
const MAX_ADDRESSES = 64

/** The agent of all hosts under the policy. */
export function createPinnedAgent(options: PinnedAgentOptions): Agent {
  return createAgent(options, createPinnedLookup(options.policy, options.nameServers))
}

/** The agent of the hosts that the operator has exempted: their names may be anything the system resolves. */
export function createExemptAgent(options: PinnedAgentOptions): Agent {
  return createAgent(options, lookup as LookupFunction)
}

function createAgent({ connectTimeoutMs }: PinnedAgentOptions, resolve: LookupFunction): Agent {
  return new Agent({
    connect: {
      timeout: connectTimeoutMs,
      lookup: resolve,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    },
    // An upstream's parser tricks stay with its own connection.
    pipelining: 1,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 10_000,
    maxHeaderSize: 32 * 1024,
  })
}

/**
 * Resolves a name for one connection and hands over checked addresses only. Not the system's `getaddrinfo`: that
 * blocks a thread of the pool on which pictures are rendered.
 */
export function createPinnedLookup(
  policy: Pick<AddressPolicy, 'ownAddresses'>,
  nameServers: readonly string[],
): LookupFunction {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: RESOLVE_TRIES })
  if (nameServers.length > 0) resolver.setServers([...nameServers])
  return (hostname, options, callback) => {
    resolveAll(resolver, hostname).then(
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
 * Resolves both families. One may fail, or IPv6 may be late, where the other has addresses: the connection goes only to
 * addresses in this list, and all of them are checked.
 */
async function resolveAll(resolver: Resolver, hostname: string): Promise<Address[]> {
  const six = settled(resolver.resolve6(hostname))
  const four = await settled(resolver.resolve4(hostname))
  const hasFour = four.addresses.length > 0
  const late = { addresses: [], error: undefined }
  const answered = hasFour
    ? await Promise.race([six, setTimeout(IPV6_DELAY_MS, late, { ref: false })])
    : await six
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

/** One address that is not public spoils the whole answer: an honest host has none. */
function validateAll(
  addresses: readonly Address[],
  policy: Pick<AddressPolicy, 'ownAddresses'>,
): Failure | undefined {
  if (addresses.length === 0) return fail('external-unreachable', 'the name has no address')
  if (addresses.length > MAX_ADDRESSES) return fail('address-refused', `${addresses.length} addresses`)
  return addresses.every(({ address }) => isPublicAddress(address, policy))
    ? undefined
    : fail('address-refused', 'the name resolves to an address that is not public')
}

function unresolved(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  return code === 'ETIMEOUT' || code === 'ETIMEDOUT'
    ? fail('external-timeout', 'the name servers do not answer')
    : fail('external-unreachable', `the name cannot be resolved: ${code}`)
}
