/**
 * Connections for one request each: for uploads, which cannot be sent again when the store is just closing a kept
 * connection, and for requests that have met such a connection.
 */

import type { Agent, Http, Net, Socket } from './platform.ts'

export interface FreshConnections {
  readonly agents: { readonly http: Agent; readonly https: Agent }
  /**
   * Ends a connection in the middle of an upload. Some stores take an orderly end as the end of the body, and
   * store what they have. A reset has only one meaning.
   */
  reset(socket: Socket): void
}

interface Modules {
  readonly http: Http
  readonly https: Http
  readonly net: Net
  readonly tls: Net
}

export function createFreshConnections({ http, https, net, tls }: Modules): FreshConnections {
  /** The TCP connection under each connection with TLS, because Node resets no others. */
  const underlying = new WeakMap<Socket, Socket>()
  const secure = new https.Agent({ keepAlive: false })
  secure.createConnection = (options, opened) => {
    const socket = net.connect(options)
    socket.once('error', opened)
    socket.once('connect', () => {
      const secured = tls.connect({ ...options, socket })
      underlying.set(secured, socket)
      opened(null, secured)
    })
  }
  return {
    agents: { http: new http.Agent({ keepAlive: false }), https: secure },
    reset: (socket) => (underlying.get(socket) ?? socket).resetAndDestroy(),
  }
}
