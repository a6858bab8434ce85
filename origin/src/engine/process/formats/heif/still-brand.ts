/** The major brands of image sequences, mapped to the brand of a still image of the same codec. */
const STILL_OF_SEQUENCE: ReadonlyMap<string, string> = new Map([
  ['avis', 'avif'],
  ['hevc', 'heic'],
  ['hevx', 'heix'],
  ['msf1', 'mif1'],
])

/**
 * Returns a file under the brand of its still image when its major brand is that of an image sequence
 * (animated AVIF, HEIC of a burst), and the bytes unchanged otherwise. Such a file also holds a still image,
 * but Sharp identifies files by their major brand and rejects those of sequences.
 */
export function underStillBrand(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 4, 12)
  const still = head.startsWith('ftyp') ? STILL_OF_SEQUENCE.get(head.slice(4)) : undefined
  if (still === undefined) return bytes
  const renamed = Buffer.from(bytes)
  renamed.write(still, 8, 'latin1')
  return renamed
}
