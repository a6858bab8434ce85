import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AddressPolicy, isPublicAddress, validateUrl } from './address-policy.ts'
import { FORBIDDEN_URLS, OWN_ADDRESSES } from './forbidden-urls.test-data.ts'

const POLICY: AddressPolicy = { ports: [], allowedHosts: [], ownAddresses: OWN_ADDRESSES }

describe('the address policy', () => {
  it(`is tested with at least 150 spellings of forbidden addresses`, () => {
    expect(new Set(FORBIDDEN_URLS).size).toBeGreaterThanOrEqual(150)
  })

  it.each(FORBIDDEN_URLS)('rejects %s', (spelling) => {
    // The policy never sees what the URL parser itself rejects.
    if (URL.canParse(spelling)) {
      expect(validateUrl(new URL(spelling), POLICY)).toMatchObject({ code: 'address-rejected' })
    }
  })

  it.each([
    'http://example.com/',
    'https://example.com:443/a',
    'http://a-b.c_d.example.co.uk/',
    'http://xn--bcher-kva.example/',
    'http://8.8.8.8/',
    'http://134744072/',
    'https://[2606:4700::1111]/',
    'http://192.0.1.1/',
    'http://172.15.255.255/',
    'http://172.32.0.0/',
    'http://100.63.255.255/',
    'http://100.128.0.0/',
    'http://223.255.255.255/',
    'http://[2001:200::1]/',
    'http://[2000::1]/',
  ])('accepts %s', (spelling) => {
    expect(validateUrl(new URL(spelling), POLICY)).toBeUndefined()
  })

  it('accepts other ports and exempt hosts when configured', () => {
    const policy = { ...POLICY, ports: [8080], allowedHosts: ['localhost:9000', '10.0.0.7'] }
    for (const url of ['http://example.com:8080/', 'http://localhost:9000/', 'http://10.0.0.7:1234/']) {
      expect(validateUrl(new URL(url), policy)).toBeUndefined()
    }
    for (const url of ['http://example.com:8081/', 'http://localhost:9001/', 'http://10.0.0.8/']) {
      expect(validateUrl(new URL(url), policy)).toMatchObject({ code: 'address-rejected' })
    }
  })

  it('treats an address the same in every spelling of IPv4 in IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        const verdict = isPublicAddress(address, POLICY)
        expect(isPublicAddress(`::ffff:${address}`, POLICY)).toBe(verdict)
        expect(isPublicAddress(`::ffff:${hex}`, POLICY)).toBe(verdict)
        for (const embedding of [`64:ff9b::${hex}`, `2002:${hex}::1`, `::${hex}`, `2606:4700::5efe:${hex}`]) {
          expect(isPublicAddress(embedding, POLICY)).toBe(false)
        }
      }),
    )
  })

  it.each([
    '::8.8.8.8',
    '::1.0.0.0',
    '::127.0.0.1',
    '::ffff:0:8.8.8.8',
    'fe80::1%eth0',
    '',
    'x',
    '1',
    '8.8.8',
  ])('rejects the address %s', (address) => {
    expect(isPublicAddress(address, POLICY)).toBe(false)
  })

  it('rejects every IPv6 address outside of 2000::/3', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const first = Number.parseInt(address.split(':')[0] || '0', 16)
        fc.pre(first < 0x2000 || first > 0x3fff)
        fc.pre(!/^(0{0,4}:){1,6}(0{1,4}:)*ffff:/i.test(address))
        expect(isPublicAddress(address, POLICY)).toBe(false)
      }),
    )
  })
})
