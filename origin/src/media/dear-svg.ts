/**
 * SVG has no header that tells what it costs to draw: a selector, a filter or a pattern of a hundred bytes can take
 * minutes. What an icon has no use for is drawn where it keeps nobody waiting.
 */

/** Beyond it nobody takes a drawing for an icon. */
const MAX_PLAIN_BYTES = 32 * 1024

const DEAR_ELEMENTS = /<(?:[\w.-]+:)?(?:fe[A-Z]|(?:filter|pattern|mask|use|image|foreignObject)\b)/

/** Tells whether a drawing may take long; the bytes are all of it. */
export function mayBeDear(svg: Uint8Array): boolean {
  if (svg.length > MAX_PLAIN_BYTES) return true
  const text = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength).toString('latin1')
  // Compressed, or in an encoding of two bytes: not looked into.
  return !text.includes('<svg') || DEAR_ELEMENTS.test(text)
}
