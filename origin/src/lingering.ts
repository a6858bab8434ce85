/**
 * Requests that are answered before their body has ended. A connection that is closed on a client which still writes
 * is reset, and the client never sees its answer (RFC 9112, section 9.6): what is left is read and dropped behind it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'

export interface Lingering {
  /** In all, of an answered request. */
  readonly longestMs: number
  /** Without a byte, at the least; twice as much at the most. */
  readonly silenceMs: number
}

/** As long as nginx reads on by default. */
export const LINGERING: Lingering = { longestMs: 30_000, silenceMs: 5000 }

/** Call it before the request is handled. */
export function lingerBehind(
  request: IncomingMessage,
  response: ServerResponse,
  { longestMs, silenceMs }: Lingering,
): void {
  if (!hasBody(request)) return
  const { socket } = request
  if (!response.shouldKeepAlive) keepReading(request)
  response.once('finish', () => {
    if (request.complete || socket.destroyed) return
    // Whoever read the body has left it: what comes is not kept for him.
    request.removeAllListeners('data')
    request.resume()
    const endsAt = performance.now() + longestMs
    let bytesBefore = socket.bytesRead
    const timer = setInterval(() => {
      if (request.complete || socket.destroyed) clearInterval(timer)
      else if (performance.now() >= endsAt || socket.bytesRead === bytesBefore) socket.destroy()
      bytesBefore = socket.bytesRead
    }, silenceMs)
    timer.unref()
  })
}

/** Where the connection closes with its answer, Node closes it both ways: its writing half is enough until all is read. */
function keepReading(request: IncomingMessage): void {
  const { socket } = request
  const destroySoon = socket.destroySoon
  socket.destroySoon = () => {
    socket.destroySoon = destroySoon
    if (request.complete) {
      socket.destroySoon()
      return
    }
    socket.end()
    request.once('end', () => socket.destroySoon())
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
