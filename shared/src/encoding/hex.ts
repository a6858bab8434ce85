/** Encodes bytes as lower-case hexadecimal digits. */
export function encodeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Decodes lower-case hexadecimal digits. Undefined for any other text, and for an odd number of digits. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  const pairs = /^(?:[0-9a-f]{2})+$/.test(text) ? text.match(/../g) : null
  return pairs === null ? undefined : Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16))
}
