/**
 * Detects SVGs that may be expensive to draw. An SVG has no header that declares its cost: a selector, a
 * filter or a pattern of a hundred bytes can take minutes. SVGs with features that icons do not need are
 * drawn in the heavy lane, where they do not delay other requests.
 */

/** The largest size of an icon, in bytes. */
const MAX_PLAIN_BYTES = 32 * 1024

const EXPENSIVE_ELEMENTS = /<(?:[\w.-]+:)?(?:fe[A-Z]|(?:filter|pattern|mask|use|image|foreignObject)\b)/

/** Whether an SVG may take long to draw. `svg` has to be the whole file. */
export function mayBeExpensive(svg: Uint8Array): boolean {
  if (svg.length > MAX_PLAIN_BYTES) return true
  const text = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength).toString('latin1')
  // Compressed SVGs, and those in an encoding of two bytes per character, are not searched.
  return !text.includes('<svg') || EXPENSIVE_ELEMENTS.test(text)
}
