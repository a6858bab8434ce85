/** The connections to external hosts. */

import { constants } from 'node:crypto'
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent } from 'undici'
import type { AddressPolicy } from './address-policy.ts'
import { createPinnedLookup } from './pinned-lookup.ts'

export interface PinnedAgentOptions {
  readonly policy: AddressPolicy
  /** The name servers to query, as `address` or `address:port`. When empty, those of the system. */
  readonly nameServers: readonly string[]
  readonly connectTimeoutMs: number
}

/**
 * How long to try one of several addresses before the next one, in milliseconds. A lost SYN is sent again
 * after one second (RFC 6298), so Node's default of 250 ms abandons servers on distant or lossy networks.
 */
const ATTEMPT_TIMEOUT_MS = 2500
/** The largest header of a response, in bytes. Browsers have the same limit. */
export const MAX_HEADER_BYTES = 256 * 1024

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
