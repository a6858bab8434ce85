/**
 * Resolves custom properties (CSS Variables 1), which librsvg does not support: `var(--x)` becomes the first
 * value that the document gives to `--x`. Most drawings give each property one value; changes by later
 * selectors are not followed.
 */

/**
 * The largest document that is processed, in bytes. Longer ones are drawings that a program wrote, with their
 * colours in place.
 */
const MAX_BYTES = 1024 * 1024
/** The nesting depth. Values may refer to other values, and their length may double at each level. */
const MAX_DEPTH = 8
const MAX_VALUE_CHARACTERS = 4096
const MAX_GROWTH = 4

/** Returns the document with the values in place, or the same bytes when there is nothing to replace. */
export function withVariables(svg: Uint8Array): Uint8Array {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  if (file.length > MAX_BYTES || !file.includes('var(')) return svg
  const text = file.toString('latin1')
  const values = new Map<string, string>()
  for (const [, name = '', value = ''] of text.matchAll(DECLARATION))
    if (!values.has(name) && value.length <= MAX_VALUE_CHARACTERS) values.set(name, value.trim())
  const limit = { left: file.length * MAX_GROWTH }
  const replaced = replaceIn(text, values, MAX_DEPTH, limit)
  return limit.left < 0 ? svg : Buffer.from(replaced, 'latin1')
}

const DECLARATION = /(?<![\w-])(--[\w-]+)\s*:([^;{}"'<>]*)/g
/**
 * Matches a property name and its optional fallback value, which may hold nested parentheses two levels deep.
 */
const REFERENCE = /var\(\s*(--[\w-]+)\s*(?:,((?:[^()]|\((?:[^()]|\([^()]*\))*\))*))?\)/g

function replaceIn(
  text: string,
  values: ReadonlyMap<string, string>,
  depth: number,
  limit: { left: number },
): string {
  if (depth === 0 || limit.left < 0 || !text.includes('var(')) return text
  return text.replace(REFERENCE, (reference, name: string, fallback?: string) => {
    const value = values.get(name) ?? fallback?.trim()
    if (value === undefined) return reference
    limit.left -= value.length
    return replaceIn(value, values, depth - 1, limit)
  })
}
