/** The shell of the edge: bindings in, gateway out. */

import { env } from 'cloudflare:workers'
import { fail } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { createEdgeCache } from './cache.ts'
import { type EdgeSettings, loadSettings } from './env.ts'
import { createGateway, type Gateway } from './gateway.ts'
import { createOriginFetch } from './origin.ts'

const loaded = loadSettings(Object.fromEntries(Object.entries(env)))

export default {
  async fetch(request, _env, context) {
    const requestId = requestIdOf(request.headers)
    if (!loaded.ok) {
      console.error({ message: 'the configuration has faults', faults: loaded.faults })
      return failureResponse(fail('defect'), requestId)
    }
    try {
      const gateway = assemble(loaded.settings, new URL(request.url).origin)
      return await gateway(request, { waitUntil: (work) => context.waitUntil(work) })
    } catch (error) {
      console.error({ message: 'a defect, answered with 500', requestId, error: String(error) })
      return failureResponse(fail('defect'), requestId)
    }
  },
} satisfies ExportedHandler

function assemble(settings: EdgeSettings, requestOrigin: string): Gateway {
  const { config, originUrl } = settings
  const now = () => Date.now()
  const origin = createOriginFetch({ originUrl, fetch: (url, init) => fetch(url, init) })
  const cache = createEdgeCache({
    cache: caches.default,
    publicUrl: config.publicUrl ?? requestOrigin,
    freshSeconds: config.cache.edgeSeconds,
    now,
  })
  const delivery = { cache, origin, maxEntryBytes: config.cache.edgeEntryBytes }
  return createGateway({ settings, delivery, origin, now })
}
