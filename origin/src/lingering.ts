/**
 * Handles requests that are answered before their body has ended. A connection that is closed while the
 * client is still writing is reset, and the client never sees the response (RFC 9112, section 9.6). Therefore
 * the rest of the body is read and discarded after the response.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'

export interface Lingering {
  /** The maximum time to read after a response, in milliseconds. */
  readonly longestMs: number
  /** The time without a byte after which reading ends, in milliseconds. It may take up to twice as long. */
  readonly silenceMs: number
}

/** The defaults of nginx. */
export const LINGERING: Lingering = { longestMs: 30_000, silenceMs: 5000 }

/** Keeps reading the body of a request after its response. Has to be called before the request is handled. */
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
    // The reader of the body has stopped, so further chunks must not be buffered for it.
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

/**
 * Delays the full close of a connection that ends with its response. Node closes both directions at once.
 * Here only the writing direction is closed until the body is read.
 */
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
