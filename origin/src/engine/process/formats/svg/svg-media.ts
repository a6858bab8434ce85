/**
 * Evaluates media rules of style sheets (CSS Media Queries 4), which librsvg does not support. Rules for a
 * light screen apply.
 */

import type { Size } from '../../../../media/size.ts'

/**
 * The largest document that is processed, in bytes. Longer ones are drawings that a program wrote, with their
 * colours in place.
 */
const MAX_BYTES = 1024 * 1024

/** Returns the document with the rules that apply moved out of their blocks, and without the other rules. */
export function withScreenRules(svg: Uint8Array, size: Size | undefined): Uint8Array {
  const file = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  if (file.length > MAX_BYTES || size === undefined || !file.includes('@media')) return svg
  const text = file.toString('latin1')
  const parts: string[] = []
  let at = 0
  for (const found of text.matchAll(MEDIA)) {
    if (found.index < at) continue
    const bodyAt = found.index + found[0].length
    const end = endOfBlock(text, bodyAt)
    if (end === undefined) break
    parts.push(text.slice(at, found.index), applies(found[1] ?? '', size) ? text.slice(bodyAt, end) : '')
    at = end + 1
  }
  return parts.length === 0 ? svg : Buffer.from(parts.join('') + text.slice(at), 'latin1')
}

/** The length is bounded, so that text without a brace is scanned only once. */
const MEDIA = /@media\b([^@{};<]{0,1000})\{/g

/** Returns the offset of the brace that ends a block. Undefined when the style sheet ends before it. */
function endOfBlock(text: string, start: number): number | undefined {
  let depth = 1
  for (let at = start; at < text.length; at += 1) {
    const character = text[at]
    if (character === '{') depth += 1
    else if (character === '}') depth -= 1
    else if (character === '<' && text.startsWith('</', at)) return undefined
    if (depth === 0) return at
  }
  return undefined
}

function applies(queries: string, size: Size): boolean {
  return queries
    .toLowerCase()
    .split(',')
    .some((query) => {
      const [, negated, rest = ''] = /^\s*(not\s)?\s*(?:only\s)?(.*)$/s.exec(query) ?? []
      const holds = rest.split(/\sand\s/).every((term) => isTrue(term.trim(), size))
      return (negated === undefined) === holds
    })
}

const TRUE: ReadonlySet<string> = new Set([
  '',
  'all',
  'screen',
  '(prefers-color-scheme:light)',
  '(prefers-reduced-motion:no-preference)',
])

function isTrue(term: string, { width, height }: Size): boolean {
  const plain = term.replaceAll(/\s+/g, '')
  const [, bound, side, pixels] = /^\((min|max)-(width|height):([\d.]+)px\)$/.exec(plain) ?? []
  if (bound === undefined) return TRUE.has(plain)
  const actual = side === 'width' ? width : height
  return bound === 'min' ? actual >= Number(pixels) : actual <= Number(pixels)
}
