import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import { createFreshConnections, type FreshConnections } from '@media-proxy/shared/store/fresh-connections.ts'
import { builtinModule, type Socket } from '@media-proxy/shared/store/platform.ts'
import { expect, it } from 'vitest'

/** Connections with the modules of Node. */
function freshConnections(): FreshConnections {
  const [http, https] = [builtinModule('node:http'), builtinModule('node:https')]
  const [tcp, secure] = [builtinModule('node:net'), builtinModule('node:tls')]
  if (!(http && https && tcp && secure)) throw new Error('Node has these modules')
  return createFreshConnections({ http, https, net: tcp, tls: secure })
}

/** Both sides have this key, so that the server needs no certificate. */
const KEY = Buffer.alloc(16, 1)
const CIPHERS = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const

it.each([
  ['http', net.createServer()],
  ['https', tls.createServer({ ...CIPHERS, pskCallback: () => KEY })],
] as const)('a connection of %s is reset, which differs from an orderly end', async (scheme, server) => {
  const { agents, reset } = freshConnections()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const options = {
    host: '127.0.0.1',
    port,
    ...CIPHERS,
    pskCallback: () => ({ psk: KEY, identity: 'a' }),
    checkServerIdentity: () => undefined,
  }
  const ends: unknown[] = []
  const outcome = new Promise((resolve) => {
    server.once(scheme === 'http' ? 'connection' : 'secureConnection', (accepted: net.Socket) => {
      accepted.on('end', () => ends.push('end'))
      accepted.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code))
      accepted.on('close', resolve)
      accepted.once('data', () => reset(socket))
    })
  })
  const socket = await connected(agents[scheme], options)
  ;(socket as unknown as net.Socket).on('error', () => undefined).write('a')
  await outcome
  expect(ends).toEqual(['ECONNRESET'])
  server.close()
})

it('reports that a store with TLS is unreachable', async () => {
  const { agents } = freshConnections()
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await expect(connected(agents.https, { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  })
})

/** Opens a connection. Some agents return it, and others pass it to the callback. */
function connected(agent: FreshConnections['agents']['http'], options: object): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const returned: unknown = agent.createConnection(options, (error, socket) => {
      if (socket !== undefined) resolve(socket)
      else reject(error)
    })
    if (returned instanceof net.Socket) resolve(returned as unknown as Socket)
  })
}
