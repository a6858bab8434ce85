import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { a, fetcher, listen, startDnsServer } from './external-hosts.test-data.ts'
import { createPinnedLookup } from './pinned-lookup.ts'

describe('a malicious name server', () => {
  it.each([
    ['an internal address', [a('evil.test', '127.0.0.1')]],
    ['one among public ones', [a('evil.test', '8.8.8.8'), a('evil.test', '10.0.0.1')]],
    ['a metadata service', [a('evil.test', '169.254.169.254')]],
    [
      'a chain that ends inside',
      [
        { type: 'CNAME', name: 'evil.test', data: 'two.test' } as const,
        { type: 'CNAME', name: 'two.test', data: 'three.test' } as const,
        a('three.test', '127.0.0.1'),
      ],
    ],
  ])('with %s is rejected', async (_, answers) => {
    const far = await listen((__, response) => response.end('reached'))
    const { nameServers } = await startDnsServer((___, type) => (type === 'A' ? answers : []))
    const open = fetcher({ nameServers, policy: { ports: [far.port], allowedHosts: [], ownAddresses: [] } })
    expect(await open(`http://evil.test:${far.port}/`)).toMatchObject({ code: 'address-rejected' })
    expect(far.connections()).toBe(0)
  })

  it('with an internal IPv6 address is rejected', async () => {
    const { nameServers } = await startDnsServer((name, type) =>
      type === 'AAAA' ? [{ type: 'AAAA', name, data: '::1', ttl: 0 }] : [a(name, '8.8.8.8')],
    )
    expect(await fetcher({ nameServers })('http://evil.test/')).toMatchObject({ code: 'address-rejected' })
  })

  it('that answers first with a public and then with an internal address cannot hand over the second one', async () => {
    // The addresses are only looked up here. A connection is made to exactly the address that is returned.
    const { nameServers, asked } = await startDnsServer((name, type, count) =>
      type === 'A' ? [a(name, count < 2 ? '192.0.9.1' : '127.0.0.1')] : [],
    )
    const resolve = createPinnedLookup({ ownAddresses: [] }, nameServers)
    const look = () =>
      new Promise((done) => resolve('rebind.test', { all: true }, (error, found) => done(error ?? found)))
    expect(await look()).toEqual([{ address: '192.0.9.1', family: 4 }])
    expect(asked()).toBe(2)
    expect(await look()).toMatchObject({ failure: { code: 'address-rejected' } })
  })

  it('need not answer for IPv6 when it answers for IPv4', async () => {
    const { nameServers, asked } = await startDnsServer((name, type) =>
      type === 'A' ? [a(name, '8.8.8.8')] : 'silence',
    )
    const resolve = createPinnedLookup({ ownAddresses: [] }, nameServers)
    const resolved = await new Promise((settle) =>
      resolve('one-family.test', { all: true }, (error, addresses) => settle(error ?? addresses)),
    )
    expect(resolved).toEqual([{ address: '8.8.8.8', family: 4 }])
    // The resolver has not yet asked for IPv6 a second time, as it does before it gives up.
    expect(asked()).toBe(2)
  })

  it('may take longer for one name than it took for others', async () => {
    const { nameServers } = await startDnsServer(async (name) => {
      // Longer than a resolver waits that expects the latency of the other names.
      if (name.startsWith('slow')) await pause(1500)
      return [a(name, '8.8.8.8')]
    })
    const resolve = createPinnedLookup({ ownAddresses: [] }, nameServers)
    const look = (name: string) =>
      new Promise((settle) => resolve(name, { all: true }, (error, found) => settle(error ?? found)))
    for (let name = 0; name < 20; name += 1) await look(`quick${name}.test`)
    expect(await look('slow.test')).toContainEqual({ address: '8.8.8.8', family: 4 })
  })

  it('that does not answer causes a timeout', async () => {
    const { nameServers } = await startDnsServer(() => 'silence')
    expect(await fetcher({ nameServers, timeoutMs: 300 })('http://silent.test/')).toMatchObject({
      code: 'external-timeout',
    })
  })

  it('that knows no address makes the host unreachable', async () => {
    const { nameServers } = await startDnsServer(() => [])
    expect(await fetcher({ nameServers })('http://nothing.test/')).toMatchObject({
      code: 'external-unreachable',
    })
  })
})
