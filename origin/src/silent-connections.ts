/**
 * Connections on which nothing is under way. Node ends those that were answered when it is told to, and not those that
 * never said a word: browsers open some ahead, and load balancers to see that somebody listens.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface SilentConnections {
  /** Ends those on which nothing is being answered, and nothing has come since the last time that this was called. */
  end(): void
}

/** Call it before the server listens, and behind its own listeners. */
export function watchConnections(server: Server): SilentConnections {
  /** With the newest answer of each. */
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
  // Ended already, or gone on with as another connection.
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
