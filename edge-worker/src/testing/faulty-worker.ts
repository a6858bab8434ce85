/**
 * The worker on a failing platform. `/__faults?flights=fail&cache=fail&clock=86400000` sets the faults until
 * the next call. `/__lead` leads a flight until another request follows it, and disappears without settling it;
 * `/__follow` returns its outcome.
 */

import type { FlightCoordinator as Flights } from '../single-flight.ts'
import worker from '../worker.ts'

export { AttemptLedger, FlightCoordinator, PurgeLog } from '../worker.ts'

/** With `fail`, every call is rejected. With `hang`, no call ever settles. */
type Fault = string | null

const NAMESPACES = ['FLIGHTS', 'LEDGERS', 'PURGES'] as const

let faults = new URLSearchParams()
const realNow = Date.now.bind(Date)
Date.now = () => realNow() + Number(faults.get('clock') ?? 0)

function injectFault<T>(fault: Fault, work: () => T): T | Promise<never> {
  if (fault === 'fail') return Promise.reject(new Error('forced'))
  return fault === 'hang' ? new Promise(() => undefined) : work()
}

const { match, put } = Cache.prototype
Cache.prototype.match = function (...args) {
  return injectFault(faults.get('cache'), () => match.apply(this, args))
}
Cache.prototype.put = function (...args) {
  return injectFault(faults.get('put') ?? faults.get('cache'), () => put.apply(this, args))
}

let isLed = false
let isFollowed = false

/** Polls, because a request cannot await the promises of another one. */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await scheduler.wait(5)
}

interface Stub {
  readonly [method: string]: (...args: readonly unknown[]) => unknown
}

function faulty(name: string, namespace: DurableObjectNamespace): object {
  return {
    idFromName: (text: string) => namespace.idFromName(text),
    get(id: DurableObjectId) {
      // A stub has the methods of its class, but the namespace is untyped here.
      const stub = namespace.get(id) as unknown as Stub
      const call =
        (method: string) =>
        (...args: readonly unknown[]) =>
          injectFault(faults.get(name.toLowerCase()), () => stub[method]?.(...args))
      return new Proxy({}, { get: (_, method: string) => call(method) })
    },
  }
}

export default {
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/__faults') {
      faults = searchParams
      return new Response('OK')
    }
    if (pathname === '/__lead' || pathname === '/__follow') {
      // The environment is untyped, so the type of the namespace is asserted.
      const flights = env.FLIGHTS as DurableObjectNamespace<Flights>
      if (pathname === '/__follow') await waitUntil(() => isLed)
      const { leads, flight } = await flights.get(flights.idFromName('lost')).join(false)
      if (pathname === '/__lead') {
        isLed = true
        await waitUntil(() => isFollowed)
        return Response.json({ leads })
      }
      const outcome = flight.outcome()
      isFollowed = true
      return Response.json({ leads, ...(await outcome) })
    }
    // The environment is that of the wrapped worker. Its namespaces are accessed by name here.
    const namespaces = env as unknown as Record<string, DurableObjectNamespace>
    const wrapped = NAMESPACES.map((name) => [name, faulty(name, namespaces[name] as DurableObjectNamespace)])
    return worker.fetch(request, { ...env, ...Object.fromEntries(wrapped) } as never, context)
  },
} satisfies ExportedHandler<Record<string, unknown>>
