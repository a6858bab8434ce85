/** Checks which proxies the origin trusts to report the client address, and who can sign uploads. */

import { parseRanges } from '@media-proxy/origin/gate/cloudflare-ranges.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type Finding, ok, warning } from './finding.ts'

/**
 * Addresses of documentation ranges (RFC 5737, RFC 3849), which belong to no proxy. A configuration that
 * trusts them trusts any address.
 */
const DOCUMENTATION_ADDRESSES = ['198.51.100.1', '203.0.113.1', '2001:db8::1']

export function checkTrust(config: Config): readonly Finding[] {
  return [checkTrustedProxies(config), ...checkRelaySecret(config)]
}

function checkTrustedProxies({ trustedProxies, host }: Config): Finding {
  const check = 'trusted proxies'
  if (trustedProxies.length === 0) {
    return ok(check, `none: the peer is the client${host === '127.0.0.1' ? ', or the edge' : ''}`)
  }
  const ranges = parseRanges(trustedProxies)
  return DOCUMENTATION_ADDRESSES.some((address) => ranges.includes(address))
    ? warning(
        check,
        `${trustedProxies.join(', ')}: this includes public addresses, and their owners can claim any client address`,
        'name in MEDIA_PROXY_TRUSTED_PROXIES only the addresses of your own proxies',
      )
    : ok(check, trustedProxies.join(', '))
}

function checkRelaySecret(config: Config): readonly Finding[] {
  const { uploadRelaySecret, secretKey, edgeSecretKey, attachmentSecrets } = config
  const check = 'relay secret'
  if (uploadRelaySecret.length === 0) return [ok(check, 'none: there is no upload relay')]
  const others = new Set([...secretKey, ...edgeSecretKey, ...attachmentSecrets])
  return [
    uploadRelaySecret.some((secret) => others.has(secret))
      ? warning(
          check,
          'it equals another secret of the service: whoever can sign uploads can sign more',
          'set MEDIA_PROXY_UPLOAD_RELAY_SECRET to a separate secret: openssl rand -base64 32',
        )
      : ok(check, `${uploadRelaySecret.length === 1 ? 'one' : uploadRelaySecret.length}, of its own`),
  ]
}
