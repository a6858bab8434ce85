import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { signEdgeRequest } from '@media-proxy/shared/signing/edge-request.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createCloudflareRanges, parseRanges } from './cloudflare-ranges.ts'
import { createGate, type GateOptions } from './gate.ts'

const LOG = pino({ level: 'silent' })
const NOW = 1_795_000_000_000
const CLOUDFLARE = '104.16.0.1'
const OTHER_CLIENT = '192.0.9.1'

async function gate(options: Partial<GateOptions> = {}) {
  return createGate({
    requireCloudflareEdge: false,
    cloudflare: createCloudflareRanges({ log: LOG }),
    trustedProxies: parseRanges([]),
    onUntrustedProxy: () => undefined,
    edgeRing: await createKeyRing(['edge']),
    now: () => NOW,
    ...options,
  })
}

const arrival = (peer: string, headers: Record<string, string> = {}) => ({
  method: 'GET',
  path: '/avatars/1/a.webp',
  headers: new Headers(headers),
  peer,
})

describe('the client address', () => {
  const trusting = { trustedProxies: parseRanges(['10.0.0.0/8', '127.0.0.1', 'fd00::/8']) }

  it.each([
    ['a plain peer', {}, OTHER_CLIENT, {}, OTHER_CLIENT],
    ['a plain peer that claims', {}, OTHER_CLIENT, { 'x-forwarded-for': '8.8.8.8' }, OTHER_CLIENT],
    [
      'a plain peer that claims Cloudflare',
      {},
      OTHER_CLIENT,
      { 'cf-connecting-ip': '8.8.8.8' },
      OTHER_CLIENT,
    ],
    ['Cloudflare', {}, CLOUDFLARE, { 'cf-connecting-ip': '8.8.8.8' }, '8.8.8.8'],
    ['Cloudflare without a word', {}, CLOUDFLARE, {}, CLOUDFLARE],
    ['Cloudflare with nonsense', {}, CLOUDFLARE, { 'cf-connecting-ip': 'me' }, CLOUDFLARE],
    ['Cloudflare with a forwarding', {}, CLOUDFLARE, { 'x-forwarded-for': '8.8.8.8' }, CLOUDFLARE],
    ['Cloudflare by its mapped address', {}, `::ffff:${CLOUDFLARE}`, { 'cf-connecting-ip': '::1' }, '::1'],
    ['loopback that is not listed', {}, '127.0.0.1', { 'x-forwarded-for': '8.8.8.8' }, '127.0.0.1'],
    ['a trusted proxy', trusting, '127.0.0.1', { 'x-forwarded-for': '8.8.8.8' }, '8.8.8.8'],
    ['a chain of them', trusting, '127.0.0.1', { 'x-forwarded-for': '8.8.8.8, 10.1.1.1' }, '8.8.8.8'],
    ['a forged start', trusting, '127.0.0.1', { 'x-forwarded-for': '1.1.1.1, 8.8.8.8, 10.1.1.1' }, '8.8.8.8'],
    ['a broken chain', trusting, '127.0.0.1', { 'x-forwarded-for': '8.8.8.8, x, 10.1.1.1' }, '10.1.1.1'],
    ['a hop with its port', trusting, '127.0.0.1', { 'x-forwarded-for': '8.8.8.8:4711' }, '8.8.8.8'],
    [
      'hops with ports',
      trusting,
      '127.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, [2001:4860::8]:443, 10.1.1.1:80' },
      '2001:4860::8',
    ],
    ['a hop in brackets', trusting, '127.0.0.1', { 'x-forwarded-for': '[2001:4860::8]' }, '2001:4860::8'],
    [
      'a trusted hop in brackets',
      trusting,
      '127.0.0.1',
      { 'x-forwarded-for': '8.8.8.8,[fd00::1]:1' },
      '8.8.8.8',
    ],
    ['an IPv6 hop', trusting, '127.0.0.1', { 'x-forwarded-for': '2001:4860::8' }, '2001:4860::8'],
    ['an unknown hop', trusting, '127.0.0.1', { 'x-forwarded-for': 'unknown' }, '127.0.0.1'],
    ['a number as hop', trusting, '127.0.0.1', { 'x-forwarded-for': '8' }, '127.0.0.1'],
    ['an empty hop', trusting, '127.0.0.1', { 'x-forwarded-for': '8.8.8.8,' }, '127.0.0.1'],
    ['only trusted ones', trusting, '127.0.0.1', { 'x-forwarded-for': '10.2.2.2, 10.1.1.1' }, '10.2.2.2'],
  ])('behind %s', async (_, options, peer, headers, client) => {
    const admitted = await (await gate(options))(arrival(peer, headers as Record<string, string>))
    expect(admitted).toEqual({ clientAddress: client, viaEdge: false })
  })
})

describe('an untrusted proxy', () => {
  const reportedPeers = async (
    peer: string,
    headers: Record<string, string>,
    options: Partial<GateOptions> = {},
  ) => {
    const peers: string[] = []
    await (await gate({ onUntrustedProxy: (found) => peers.push(found), ...options }))(arrival(peer, headers))
    return peers
  }
  const forwarded = { 'x-forwarded-for': '8.8.8.8' }

  it.each(['10.0.0.5', '127.0.0.1', '::1', '192.168.1.1', 'fd00::1', '::ffff:10.0.0.5'])(
    '%s is reported',
    async (peer) => {
      expect(await reportedPeers(peer, forwarded)).toEqual([peer])
    },
  )

  it('is not reported for a public peer, a trusted proxy, Cloudflare, or without forwarding headers', async () => {
    expect(await reportedPeers('9.9.9.9', forwarded)).toEqual([])
    expect(await reportedPeers(CLOUDFLARE, forwarded)).toEqual([])
    expect(
      await reportedPeers('10.0.0.5', forwarded, { trustedProxies: parseRanges(['10.0.0.0/8']) }),
    ).toEqual([])
    expect(await reportedPeers('10.0.0.5', {})).toEqual([])
  })
})

describe('the gate', () => {
  it('accepts only Cloudflare and the signed edge when it must', async () => {
    const closed = await gate({ requireCloudflareEdge: true })
    expect(await closed(arrival(OTHER_CLIENT))).toMatchObject({ code: 'forbidden' })
    for (const forged of ['cf-connecting-ip', 'x-forwarded-for', 'cf-ray']) {
      expect(await closed(arrival(OTHER_CLIENT, { [forged]: CLOUDFLARE }))).toMatchObject({
        code: 'forbidden',
      })
    }
    expect(isFailure(await closed(arrival(CLOUDFLARE)))).toBe(false)
    const { headers: _, ...request } = arrival(OTHER_CLIENT)
    const signed = await signEdgeRequest(
      await createKeyRing(['edge']),
      { ...request, clientAddress: '8.8.8.8' },
      NOW,
    )
    expect(await closed(arrival(OTHER_CLIENT, signed))).toEqual({ clientAddress: '8.8.8.8', viaEdge: true })
  })

  it('never treats a wrong signature as a missing one', async () => {
    const open = await gate()
    const wrong = { 'x-edge-signature': 'AAAA', 'x-edge-time': String(NOW), 'x-edge-client': '8.8.8.8' }
    expect(await open(arrival(OTHER_CLIENT, wrong))).toMatchObject({ code: 'forbidden' })
    expect(await open(arrival(CLOUDFLARE, { 'x-edge-client': '8.8.8.8' }))).toMatchObject({
      code: 'forbidden',
    })
    const keyless = await gate({ edgeRing: undefined })
    expect(await keyless(arrival(OTHER_CLIENT, wrong))).toMatchObject({ code: 'forbidden' })
  })
})

describe('the ranges of Cloudflare', () => {
  const ranges = (lists: Record<string, string | Error>) =>
    createCloudflareRanges({
      log: LOG,
      fetchText: async (url) => {
        const list = lists[url.slice(-2)] ?? ''
        if (list instanceof Error) throw list
        return list
      },
    })

  it.each([
    ['173.245.48.0', true],
    ['104.27.255.255', true],
    ['104.28.0.0', false],
    ['2606:4700:ffff::1', true],
    ['2606:4701::1', false],
    ['nonsense', false],
  ])('contain %s: %s', (address, included) => {
    expect(ranges({}).includes(address)).toBe(included)
  })

  it('are replaced by a refresh', async () => {
    const refreshed = ranges({ v4: '192.0.9.0/24\n', v6: '2606:1::/32' })
    await refreshed.refresh()
    expect([refreshed.includes('192.0.9.7'), refreshed.includes(CLOUDFLARE)]).toEqual([true, false])
  })

  it.each([
    ['cannot be fetched', { v4: new Error('offline'), v6: '' }],
    ['is empty', { v4: '', v6: '' }],
    ['is a page', { v4: '<html></html>', v6: '2606:1::/32' }],
    ['is endless', { v4: '192.0.9.0/24\n'.repeat(1000), v6: '' }],
  ])('stay unchanged when the list %s', async (_, lists) => {
    const kept = ranges(lists)
    await kept.refresh()
    expect([kept.includes('192.0.9.7'), kept.includes(CLOUDFLARE)]).toEqual([false, true])
  })
})
