/** Validators for addresses, ranges, servers and hosts in settings. */

import ipaddr from 'ipaddr.js'

/** Whether a text is an address, or a range in CIDR notation. */
export function isAddressOrRange(text: string): boolean {
  return ipaddr.isValid(text) || ipaddr.isValidCIDR(text)
}

/** Whether a text is an address with an optional port. An IPv6 address with a port needs brackets. */
export function isServerAddress(text: string): boolean {
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1]
  if (bracketed !== undefined) return ipaddr.IPv6.isValid(bracketed)
  return ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text.replace(/:\d{1,5}$/, ''))
}

/** Whether a text is a host with an optional port, and no other part of a URL. */
export function isHost(text: string): boolean {
  return /^(\[[\da-f:.]+\]|[^\s:/?#@[\]]+)(:\d{1,5})?$/i.test(text)
}
