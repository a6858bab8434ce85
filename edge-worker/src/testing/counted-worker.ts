/**
 * The worker with counters for everything that the platform bills. `/__counts` returns them. `/__timers?factor=1000`
 * makes every timer last that much longer, until the next call.
 */

import worker, { FlightCoordinator as Flights, AttemptLedger as Ledger, PurgeLog as Log } from '../worker.ts'

export class AttemptLedger extends Ledger {
  async rows(): Promise<number> {
    return (await this.ctx.storage.list()).size
  }
}

export class FlightCoordinator extends Flights {
  async rows(): Promise<number> {
    return (await this.ctx.storage.list()).size
  }
}

export class PurgeLog extends Log {
  async rows(): Promise<number> {
    const [count] = this.ctx.storage.sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM purges').toArray()
    return (await this.ctx.storage.list()).size + (count?.n ?? 0)
  }
}

const NAMESPACES = ['FLIGHTS', 'LEDGERS', 'PURGES'] as const
type NamespaceName = (typeof NAMESPACES)[number]

interface Counted {
  rows(): Promise<number>
}

interface Stub {
  readonly [method: string]: (...args: readonly unknown[]) => unknown
}

const calls: Record<NamespaceName, number> = { FLIGHTS: 0, LEDGERS: 0, PURGES: 0 }
const objects: Record<NamespaceName, Map<string, DurableObjectId>> = {
  FLIGHTS: new Map(),
  LEDGERS: new Map(),
  PURGES: new Map(),
}

let lines = 0
const log = console.log.bind(console)
console.log = (...args: readonly unknown[]) => {
  lines += 1
  log(...args)
}

let timerFactor = 1
const startTimer = setTimeout
globalThis.setTimeout = (callback: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]) =>
  startTimer(() => callback(...args), milliseconds * timerFactor)

/** Counts the calls on the stubs of a namespace. Calls on a returned object are part of the same session. */
function counted(name: NamespaceName, namespace: DurableObjectNamespace): object {
  return {
    idFromName(text: string) {
      const id = namespace.idFromName(text)
      objects[name].set(text, id)
      return id
    },
    get(id: DurableObjectId) {
      // A stub has the methods of its class, but the namespace is untyped here.
      const stub = namespace.get(id) as unknown as Stub
      return new Proxy(
        {},
        {
          get:
            (_, method: string) =>
            (...args: readonly unknown[]) => {
              calls[name] += 1
              return stub[method]?.(...args)
            },
        },
      )
    },
  }
}

export default {
  async fetch(request, env, context) {
    // The environment is that of the wrapped worker. Its namespaces are accessed by name here.
    const namespaces = env as unknown as Record<NamespaceName, DurableObjectNamespace>
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/__timers') {
      timerFactor = Number(searchParams.get('factor'))
      return new Response('OK')
    }
    if (pathname === '/__counts') {
      let rows = 0
      for (const name of NAMESPACES) {
        // The class is one of those above, all of which have `rows`.
        for (const id of objects[name].values())
          rows += await (namespaces[name].get(id) as unknown as Counted).rows()
      }
      const made = NAMESPACES.map((name) => [name, objects[name].size])
      return Response.json({ calls, objects: Object.fromEntries(made), rows, lines })
    }
    const wrapped = Object.fromEntries(NAMESPACES.map((name) => [name, counted(name, namespaces[name])]))
    return worker.fetch(request, { ...env, ...wrapped } as never, context)
  },
} satisfies ExportedHandler<Record<string, unknown>>
