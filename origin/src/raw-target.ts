/**
 * Accepts request targets with non-ASCII bytes, as `curl` sends them when they are typed. The parser of Node
 * rejects them, other servers do not.
 */

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { percentEncode } from '@media-proxy/shared/encoding/percent.ts'

/** One complete request with nothing after it. */
const WHOLE_REQUEST = /^([A-Z]+) ([^ \r\n]+) (HTTP\/1\.[01])\r\n((?:[^\r\n]+\r\n)*)\r\n$/
const BODY_FOLLOWS = /^(?:content-length: *0*[1-9]|transfer-encoding:)/im

/**
 * Returns the same request with those bytes percent-encoded, as browsers send them and as the edge reads
 * them. The connection closes after it. Undefined when the bytes are not one complete request without a body,
 * or when encoding does not make the target valid.
 */
export function encodedRequest(bytes: Buffer): Buffer | undefined {
  const match = WHOLE_REQUEST.exec(bytes.toString('latin1'))
  if (match === null) return
  const [, method, target = '', version, headers = ''] = match
  const encoded = percentEncode(target, /[\x80-\xff]/g)
  if (encoded === target || !/^[!-~]+$/.test(encoded) || BODY_FOLLOWS.test(headers)) return
  const kept = headers.replace(/^connection:.*\r\n/gim, '')
  return Buffer.from(`${method} ${encoded} ${version}\r\n${kept}Connection: close\r\n\r\n`, 'latin1')
}

/**
 * Returns a connection that delivers one request and writes its response to `socket`. It is for the
 * `connection` event of an HTTP server, which accepts any duplex stream. The connection and the socket close
 * each other.
 */
export function oneRequestConnection(socket: Socket, request: Buffer): Duplex {
  const connection = new Duplex({
    read() {},
    write: (chunk, _, done) => socket.write(chunk, done),
    final: (done) => socket.end(done),
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  // The properties that identify the client.
  for (const name of ['remoteAddress', 'remotePort', 'remoteFamily'] as const)
    Object.defineProperty(connection, name, { value: socket[name] })
  socket.on('close', () => connection.destroy())
  connection.push(request)
  return connection
}
