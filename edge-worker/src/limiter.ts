/** What clients have spent, counted at the edge: exactly by a Durable Object, or cheaply by the platform. */

import { DurableObject } from 'cloudflare:workers'
import {
  type AttemptCounter,
  type Budget,
  type BudgetName,
  checkAttempt,
  type Spent,
  type Verdict,
} from '@media-proxy/shared/rate-limit.ts'

/** One object a client. Its memory answers; its storage keeps the count where the object is put to sleep. */
export class AttemptLedger extends DurableObject {
  readonly #spent = new Map<BudgetName, Spent>()

  constructor(context: DurableObjectState, environment: Cloudflare.Env) {
    super(context, environment)
    void context.blockConcurrencyWhile(async () => {
      for (const [name, spent] of await context.storage.list<Spent>())
        this.#spent.set(name as BudgetName, spent)
    })
  }

  async attempt(name: BudgetName, budget: Budget): Promise<Verdict> {
    const now = Date.now()
    const { verdict, spent } = checkAttempt(this.#spent.get(name), now, budget)
    this.#spent.set(name, spent)
    // The answer need not wait for the disk: a crash in that moment costs a few attempts.
    void this.ctx.storage.put(name, spent, { allowUnconfirmed: true })
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + budget.windowMs)
    return verdict
  }

  /** Forgets a client that has spent nothing for as long as it would remember. */
  override async alarm(): Promise<void> {
    const now = Date.now()
    const left = Math.max(0, ...[...this.#spent.values()].map(({ spentMs, atMs }) => atMs + spentMs - now))
    if (left > 0) return this.ctx.storage.setAlarm(now + left)
    this.#spent.clear()
    await this.ctx.storage.deleteAll()
  }
}

/** Exact for any window; costs a hop. */
export function createLedgerCounter(namespace: DurableObjectNamespace<AttemptLedger>): AttemptCounter {
  return {
    attempt: (name, client, budget) => namespace.get(namespace.idFromName(client)).attempt(name, budget),
  }
}

/**
 * The platform's limiter: no hop, but approximate, by location, with limits that stand in wrangler.toml, and without
 * a word of what is left. All budgets have the one size of the binding.
 */
export function createBindingCounter(binding: RateLimit): AttemptCounter {
  return {
    async attempt(name, client, budget) {
      const { success } = await binding.limit({ key: `${name} ${client}` })
      return {
        allowed: success,
        remaining: undefined,
        resetMs: budget.windowMs,
        retryMs: success ? 0 : budget.windowMs / budget.maxAttempts,
      }
    },
  }
}
