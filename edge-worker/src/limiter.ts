/** What clients have spent, counted at the edge: exactly by a Durable Object, or for nothing by the platform. */

import { DurableObject, RpcTarget } from 'cloudflare:workers'
import {
  type AttemptCounter,
  type Budget,
  type BudgetName,
  checkAttempt,
  type Spent,
  type Verdict,
} from '@media-proxy/shared/rate-limit.ts'
import { within } from './within.ts'

/** A ledger that takes longer counts as one that cannot be reached. In milliseconds. */
const ATTEMPT_MS = 1000
/** Without requests the platform forgets the memory of an object after about this long. */
const EVICTED_AFTER_MS = 60_000
/** Between two writes of one count. */
const WRITE_EVERY_MS = 30_000

/**
 * One object a client. It counts in memory. What a client has spent is written only where it outlives the memory (budgets
 * of long windows, more than half spent), and then twice a minute: a row costs seven times as much as a request.
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

  /** The first attempt of a request, and what its others go through: one session is one request to the platform. */
  open(name: BudgetName, budget: Budget): { readonly verdict: Verdict; readonly session: LedgerSession } {
    return {
      verdict: this.attempt(name, budget),
      session: new LedgerSession((...words) => this.attempt(...words)),
    }
  }

  attempt(name: BudgetName, budget: Budget): Verdict {
    const now = Date.now()
    const { verdict, spent } = checkAttempt(this.#spent.get(name), now, budget)
    this.#spent.set(name, spent)
    if (spent.spentMs > EVICTED_AFTER_MS && spent.spentMs > budget.windowMs / 2) this.#write(name, spent)
    return verdict
  }

  #write(name: BudgetName, spent: Spent): void {
    if (spent.atMs - (this.#writtenAt.get(name) ?? 0) < WRITE_EVERY_MS) return
    this.#writtenAt.set(name, spent.atMs)
    // The answer need not wait for the disk: a crash in that moment costs a few attempts.
    void this.ctx.storage.put(name, spent, { allowUnconfirmed: true })
    void this.ctx.storage.setAlarm(spent.atMs + spent.spentMs)
  }

  /** Forgets a client that has spent nothing for as long as it would remember. */
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

  attempt(name: BudgetName, budget: Budget): Verdict {
    return this.#attempt(name, budget)
  }
}

/** Exact for any window; costs a hop, and one for all attempts of a client. For one request: it keeps the session. */
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
 * The platform's limiter: no hop and no price, but approximate, by location, with a limit that stands in wrangler.toml,
 * and without a word of what is left. It counts what is cheap to answer; what costs a render, and wrong signatures, whose
 * budgets are smaller, `exact` counts.
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
