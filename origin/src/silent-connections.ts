/**
 * Tracks connections without a request in progress. On request, Node closes idle connections that have had a
 * response, but not those that never sent anything: browsers open some in advance, and load balancers to
 * check whether the port accepts connections.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface SilentConnections {
  /**
   * Closes the connections that have no response in progress and have received nothing since the last call.
   */
  end(): void
}

/**
 * Starts to track the connections of a server. Has to be called before the server listens, and after its own
 * listeners are added.
 */
export function watchConnections(server: Server): SilentConnections {
  /** The open connections, with the latest response of each. */
  const open = new Map<Socket, ServerResponse | undefined>()
  const bytesBefore = new WeakMap<Socket, number>()
  server.on('connection', (socket: Socket) => {
    open.set(socket, undefined)
    socket.once('close', () => open.delete(socket))
  })
  const onRequest = ({ socket }: IncomingMessage, response: ServerResponse) => {
    if (open.has(socket)) open.set(socket, response)
  }
  server.prependListener('request', onRequest)
  server.prependListener('checkContinue', onRequest)
  // The connection was closed already, or continues as another one.
  server.prependListener('clientError', (_, socket) => open.delete(socket as Socket))
  return {
    end() {
      for (const [socket, response] of open) {
        const isAnswering = response?.writableFinished === false
        if (!isAnswering && bytesBefore.get(socket) === socket.bytesRead) socket.destroy()
        else bytesBefore.set(socket, socket.bytesRead)
      }
    },
  }
}
