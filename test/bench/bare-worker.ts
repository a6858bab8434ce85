/** The baseline for edge cache hits: only a lookup in the cache. */

/** APIs of the runtime that Node does not have. */
interface Platform {
  readonly caches: {
    readonly default: {
      match(url: string): Promise<Response | undefined>
      put(url: string, response: Response): Promise<void>
    }
  }
}

export default {
  /** `POST` stores a body under its path, with the headers in `x-headers` as JSON. `GET` returns it. */
  async fetch(request: Request): Promise<Response> {
    // The types of Node, with which this package is checked, do not contain this cache.
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
