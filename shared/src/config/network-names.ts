/** What settings name of a network: addresses, ranges, servers and hosts. */

import ipaddr from 'ipaddr.js'

/** An address, or a range in CIDR notation. */
export function isAddressOrRange(text: string): boolean {
  return ipaddr.isValid(text) || ipaddr.isValidCIDR(text)
}

/** An address with or without a port; one of IPv6 with a port stands in brackets. */
export function isServerAddress(text: string): boolean {
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1]
  if (bracketed !== undefined) return ipaddr.IPv6.isValid(bracketed)
  return ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text.replace(/:\d{1,5}$/, ''))
}

/** A host with or without a port, and nothing else of a URL. */
export function isHost(text: string): boolean {
  return /^(\[[\da-f:.]+\]|[^\s:/?#@[\]]+)(:\d{1,5})?$/i.test(text)
}
