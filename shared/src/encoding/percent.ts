/**
 * Percent-encodes the characters that match a global pattern (RFC 3986, section 2.1). Each has to be one byte:
 * a code below 256.
 */
export function percentEncode(text: string, pattern: RegExp): string {
  return text.replace(
    pattern,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
