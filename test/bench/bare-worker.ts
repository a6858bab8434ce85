/** What a hit is measured against: nothing but a look into the cache. */

/** What the runtime has and Node has not. */
interface Platform {
  readonly caches: {
    readonly default: {
      match(url: string): Promise<Response | undefined>
      put(url: string, response: Response): Promise<void>
    }
  }
}

export default {
  /** `POST` keeps a body, with the headers that `x-headers` has as JSON, under its path; `GET` answers it. */
  async fetch(request: Request): Promise<Response> {
    // Node's types, which this package is checked with, know no such caches.
    const { default: cache } = (globalThis as unknown as Platform).caches
    const key = `http://bare.test${new URL(request.url).pathname}`
    if (request.method === 'POST') {
      const headers: Record<string, string> = JSON.parse(request.headers.get('x-headers') ?? '{}')
      await cache.put(key, new Response(await request.arrayBuffer(), { headers }))
      return new Response('kept')
    }
    return (await cache.match(key)) ?? new Response('missing', { status: 404 })
  },
}
