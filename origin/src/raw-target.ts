/** Request targets with bytes beyond ASCII, as `curl` sends what is typed: Node's parser refuses them, other servers do not. */

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** One whole request, and nothing behind it. */
const WHOLE_REQUEST = /^([A-Z]+) ([^ \r\n]+) (HTTP\/1\.[01])\r\n((?:[^\r\n]+\r\n)*)\r\n$/
const BODY_FOLLOWS = /^(?:content-length: *0*[1-9]|transfer-encoding:)/im

/**
 * The same request with those bytes percent-encoded, as browsers send them and the edge reads them; its connection
 * closes after it. Undefined where the bytes are not one whole request without a body, or no encoding makes its
 * target one.
 */
export function encodedRequest(bytes: Buffer): Buffer | undefined {
  const match = WHOLE_REQUEST.exec(bytes.toString('latin1'))
  if (match === null) return
  const [, method, target = '', version, headers = ''] = match
  const encoded = target.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  if (encoded === target || !/^[!-~]+$/.test(encoded) || BODY_FOLLOWS.test(headers)) return
  const kept = headers.replace(/^connection:.*\r\n/gim, '')
  return Buffer.from(`${method} ${encoded} ${version}\r\n${kept}Connection: close\r\n\r\n`, 'latin1')
}

/**
 * A connection that brings one request and takes its answer to `socket`: for an HTTP server's `connection` event,
 * which takes any stream. It ends with the socket, and the socket with it.
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
  // What tells whose request it is.
  for (const name of ['remoteAddress', 'remotePort', 'remoteFamily'] as const)
    Object.defineProperty(connection, name, { value: socket[name] })
  socket.on('close', () => connection.destroy())
  connection.push(request)
  return connection
}
