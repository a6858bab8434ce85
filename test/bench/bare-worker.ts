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
  async fetch(request: Request): Promise<Response> {
    // Node's types, which this package is checked with, know no such caches.
    const { default: cache } = (globalThis as unknown as Platform).caches
    if (request.method === 'POST') {
      const headers = { 'content-type': 'image/webp', 'cache-control': 'public, max-age=3600' }
      await cache.put('http://bare.test/', new Response(await request.arrayBuffer(), { headers }))
      return new Response('kept')
    }
    return (await cache.match('http://bare.test/')) ?? new Response('missing', { status: 404 })
  },
}
