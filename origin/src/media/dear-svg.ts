/**
 * Finds SVG documents that may be expensive to draw. An SVG has no header that declares its cost: a selector,
 * a filter or a pattern of a hundred bytes can take minutes. A document that uses features which icons do not
 * need is drawn where it delays no other job.
 */

/** A document larger than this is not treated as an icon. */
const MAX_PLAIN_BYTES = 32 * 1024

const DEAR_ELEMENTS = /<(?:[\w.-]+:)?(?:fe[A-Z]|(?:filter|pattern|mask|use|image|foreignObject)\b)/

/** Whether a drawing may be slow to render. Expects the complete document. */
export function mayBeDear(svg: Uint8Array): boolean {
  if (svg.length > MAX_PLAIN_BYTES) return true
  const text = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength).toString('latin1')
  // A document that is compressed, or in an encoding of two bytes per character, is not examined further.
  return !text.includes('<svg') || DEAR_ELEMENTS.test(text)
}
