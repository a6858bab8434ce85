import { once } from 'node:events'
import { connect } from 'node:net'

/**
 * Sends a request on a connection of its own, and a second one behind it: all that comes back, byte by byte. A body
 * that is longer than it says would stand where the second answer begins.
 */
export async function pipelined(base: string, path: string, second: string): Promise<string> {
  const { hostname, port, host } = new URL(base)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  socket.write(`GET ${second} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}
