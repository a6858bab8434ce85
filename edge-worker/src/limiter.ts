/**
 * Counters for the rate limits of the edge: exact ones in Durable Objects, or the free ones of the platform.
 */

import { DurableObject, RpcTarget } from 'cloudflare:workers'
import {
  type AttemptCounter,
  type AttemptVerdict,
  type Budget,
  type BudgetName,
  checkAttempt,
  type Spent,
} from '@media-proxy/shared/rate-limit.ts'
import { within } from './within.ts'

/** The timeout for a ledger, in milliseconds. After it, the ledger counts as unreachable. */
const ATTEMPT_MS = 1000
/** The platform evicts an object from memory about this long after its last request. In milliseconds. */
const EVICTED_AFTER_MS = 60_000
/** The shortest time between two writes of one count, in milliseconds. */
const WRITE_EVERY_MS = 30_000

/**
 * The ledger of one client. It counts in memory. A count is written only if it outlives the memory (budgets
 * with long windows that are more than half spent), and at most twice a minute, because a row costs seven
 * times as much as a request.
 */
export class AttemptLedger extends DurableObject {
  readonly #spent = new Map<BudgetName, Spent>()
  readonly #writtenAt = new Map<BudgetName, number>()

  constructor(context: DurableObjectState, environment: Cloudflare.Env) {
    super(context, environment)
    void context.blockConcurrencyWhile(async () => {
      for (const [name, spent] of await context.storage.list<Spent>())
        this.#spent.set(name as BudgetName, spent)
    })
  }

  /** Makes the first attempt of a request and opens a session for the others, billed as one request. */
  open(
    name: BudgetName,
    budget: Budget,
  ): { readonly verdict: AttemptVerdict; readonly session: LedgerSession } {
    return {
      verdict: this.attempt(name, budget),
      session: new LedgerSession((...args) => this.attempt(...args)),
    }
  }

  attempt(name: BudgetName, budget: Budget): AttemptVerdict {
    const now = Date.now()
    const { verdict, spent } = checkAttempt(this.#spent.get(name), now, budget)
    this.#spent.set(name, spent)
    if (spent.spentMs > EVICTED_AFTER_MS && spent.spentMs > budget.windowMs / 2) this.#write(name, spent)
    return verdict
  }

  #write(name: BudgetName, spent: Spent): void {
    if (spent.atMs - (this.#writtenAt.get(name) ?? 0) < WRITE_EVERY_MS) return
    this.#writtenAt.set(name, spent.atMs)
    // The response does not wait for the disk. A crash at this moment loses only a few attempts.
    void this.ctx.storage.put(name, spent, { allowUnconfirmed: true })
    void this.ctx.storage.setAlarm(spent.atMs + spent.spentMs)
  }

  /** Deletes all data once every budget of the client is full again. */
  override async alarm(): Promise<void> {
    const now = Date.now()
    const left = Math.max(0, ...[...this.#spent.values()].map(({ spentMs, atMs }) => atMs + spentMs - now))
    if (left > 0) return this.ctx.storage.setAlarm(now + left)
    this.#spent.clear()
    this.#writtenAt.clear()
    await this.ctx.storage.deleteAll()
  }
}

class LedgerSession extends RpcTarget {
  readonly #attempt: AttemptLedger['attempt']

  constructor(attempt: AttemptLedger['attempt']) {
    super()
    this.#attempt = attempt
  }

  attempt(name: BudgetName, budget: Budget): AttemptVerdict {
    return this.#attempt(name, budget)
  }
}

/**
 * Creates a counter that uses the ledger. It is exact for any window, and costs one hop for all attempts of a
 * client. It serves one request, because it keeps the session.
 */
export function createLedgerCounter(namespace: DurableObjectNamespace<AttemptLedger>): AttemptCounter {
  const sessions = new Map<string, Rpc.Stub<LedgerSession>>()
  return {
    async attempt(name, client, budget) {
      const open = sessions.get(client)
      if (open !== undefined) return within(ATTEMPT_MS, (async () => open.attempt(name, budget))())
      const ledger = namespace.get(namespace.idFromName(client))
      const { verdict, session } = await within(ATTEMPT_MS, ledger.open(name, budget))
      sessions.set(client, session)
      return verdict
    },
  }
}

/**
 * Creates a counter that uses the platform's limiter. It needs no hop and is free, but it is approximate,
 * counts each location separately, takes its limit from wrangler.toml, and does not report the remaining
 * attempts. It counts only cheap requests. `exact` counts renders and wrong signatures, whose budgets are
 * smaller.
 */
export function createPlatformCounter(binding: RateLimit, exact: AttemptCounter): AttemptCounter {
  return {
    async attempt(name, client, budget) {
      if (name === 'renders' || name === 'bad-signatures') return exact.attempt(name, client, budget)
      const { success } = await within(ATTEMPT_MS, binding.limit({ key: `${name} ${client}` }))
      return {
        allowed: success,
        remaining: undefined,
        resetMs: budget.windowMs,
        retryMs: success ? 0 : budget.windowMs / budget.maxAttempts,
      }
    },
  }
}
