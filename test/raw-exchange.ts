import { once } from 'node:events'
import { connect } from 'node:net'

/** The response on a separate connection. The status is 0 when there was none. */
export interface RawAnswer {
  readonly status: number
  /** Keyed by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Sends raw bytes, one per character, and reads until the server closes the connection. */
export function exchange(base: string, bytes: string): Promise<RawAnswer> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(Number(port), hostname, () => socket.write(Buffer.from(bytes, 'latin1')))
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      text = text.replace(/^HTTP\/1\.1 1\d\d (?:.*\r\n)*?\r\n/, '')
      const end = text.indexOf('\r\n\r\n')
      const [line = '', ...lines] = text.slice(0, end < 0 ? undefined : end).split('\r\n')
      const headers = lines.map((header) => [
        header.slice(0, header.indexOf(':')).toLowerCase(),
        header.slice(header.indexOf(':') + 1).trim(),
      ])
      resolve({
        status: Number(line.split(' ')[1] ?? 0),
        headers: Object.fromEntries(headers),
        body: end < 0 ? '' : text.slice(end + 4),
      })
    })
  })
}

/**
 * Sends a request on a separate connection, and a second one after it. Returns all bytes of the responses. A
 * body that is longer than declared would appear at the start of the second response.
 */
export async function pipelined(
  base: string,
  path: string,
  second: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { hostname, port, host } = new URL(base)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`)
  socket.write(`GET ${second} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}
