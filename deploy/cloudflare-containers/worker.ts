/** The edge worker with the origin in Cloudflare Containers: one deployment without a server to operate. */

import { Container, getRandom } from '@cloudflare/containers'
import type { Bindings } from '@media-proxy/edge-worker/env.ts'
import edge from '@media-proxy/edge-worker/worker.ts'

export { AttemptLedger, FlightCoordinator, PurgeLog } from '@media-proxy/edge-worker/worker.ts'

/**
 * The number of containers that share the requests. They share renditions through the bucket `renditions`.
 */
const INSTANCES = 3

interface ContainerBindings extends Bindings {
  readonly ORIGINS: DurableObjectNamespace<OriginContainer>
}

/** A container that runs the origin. Its first request starts it. */
export class OriginContainer extends Container<ContainerBindings> {
  override defaultPort = 8080
  override sleepAfter = '15m'
  override pingEndpoint = '_health'

  constructor(
    context: ConstructorParameters<typeof Container<ContainerBindings>>[0],
    bindings: ContainerBindings,
  ) {
    super(context, bindings)
    // The variables and secrets of the worker have the same names as those of the origin.
    const own = Object.entries(bindings).filter(([name]) => name.startsWith('MEDIA_PROXY_'))
    this.envVars = Object.fromEntries(own.map(([name, value]) => [name, String(value)]))
  }
}

export default {
  fetch(request, bindings, context) {
    const origin = {
      fetch: async (url: string, init: RequestInit) =>
        (await getRandom(bindings.ORIGINS, INSTANCES)).fetch(new Request(url, init)),
    }
    return edge.fetch(request, { ...bindings, ORIGIN: origin }, context)
  },
} satisfies ExportedHandler<ContainerBindings>
