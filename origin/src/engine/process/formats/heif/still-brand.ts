/** The brands by which Sharp knows a still. */
const STILL_BRANDS: ReadonlySet<string> = new Set(['avif', 'heic', 'heix', 'heim', 'heis', 'mif1'])

/** The brands that HEVC image sequences lead with, and the still of the same codec. */
const STILL_OF_SEQUENCE: ReadonlyMap<string, string> = new Map([
  ['hevc', 'heic'],
  ['hevx', 'heix'],
  ['hevm', 'heim'],
  ['hevs', 'heis'],
])

/**
 * An image sequence (animated AVIF, HEIC of a burst) also holds a still, but Sharp knows files by their leading
 * brand and refuses those of sequences, and every other under which browsers show an AVIF. They are handed to it under the
 * brand of a still; others as they are.
 */
export function underStillBrand(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 4, 12)
  const brand = head.slice(4)
  if (!head.startsWith('ftyp') || STILL_BRANDS.has(brand)) return bytes
  const renamed = Buffer.from(bytes)
  renamed.write(STILL_OF_SEQUENCE.get(brand) ?? GENERIC, 8, 'latin1')
  return renamed
}

/** What it holds is told by its properties. */
const GENERIC = 'mif1'
