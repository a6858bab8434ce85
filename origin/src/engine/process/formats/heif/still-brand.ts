/** The brands that image sequences lead with, and the still of the same codec. */
const STILL_OF_SEQUENCE: ReadonlyMap<string, string> = new Map([
  ['avis', 'avif'],
  ['hevc', 'heic'],
  ['hevx', 'heix'],
  ['msf1', 'mif1'],
])

/**
 * An image sequence (animated AVIF, HEIC of a burst) also holds a still, but Sharp knows files by their leading
 * brand and refuses those of sequences. They are handed to it under the brand of the still; others as they are.
 */
export function underStillBrand(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 4, 12)
  const still = head.startsWith('ftyp') ? STILL_OF_SEQUENCE.get(head.slice(4)) : undefined
  if (still === undefined) return bytes
  const renamed = Buffer.from(bytes)
  renamed.write(still, 8, 'latin1')
  return renamed
}
