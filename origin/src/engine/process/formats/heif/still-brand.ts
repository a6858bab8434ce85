/** The major brands of still images that Sharp accepts. */
const STILL_BRANDS: ReadonlySet<string> = new Set(['avif', 'heic', 'heix', 'heim', 'heis', 'mif1'])

/** The major brands of HEVC image sequences, mapped to the brand of a still image of the same codec. */
const STILL_OF_SEQUENCE: ReadonlyMap<string, string> = new Map([
  ['hevc', 'heic'],
  ['hevx', 'heix'],
  ['hevm', 'heim'],
  ['hevs', 'heis'],
])

/**
 * Returns a file under the brand of its still image when its major brand is another one, and the bytes
 * unchanged otherwise. Image sequences (animated AVIF, HEIC of a burst) also hold a still image, and browsers
 * accept AVIF under every brand, but Sharp identifies files by their major brand.
 */
export function withStillBrand(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 4, 12)
  const brand = head.slice(4)
  if (!head.startsWith('ftyp') || STILL_BRANDS.has(brand)) return bytes
  const renamed = Buffer.from(bytes)
  renamed.write(STILL_OF_SEQUENCE.get(brand) ?? GENERIC, 8, 'latin1')
  return renamed
}

/** A generic type: the properties declare the content. */
const GENERIC = 'mif1'
