/** SVG has no magic number: it is XML whose root element is `svg`, behind whatever XML allows before a root. */

/**
 * Whether these first bytes are of an SVG document. Where they end before the root element does (a long comment
 * or document type), `named` decides.
 */
export const isSvg = (bytes: Uint8Array, named: boolean): boolean => {
  if (!mayBeText(bytes)) return false
  const text = decode(bytes)
  let at = 0
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length) return named && at > 0 && text.includes('<')
    const skipped = skipMisc(text, at)
    if (skipped === 'unfinished') return named
    if (skipped === undefined) return ROOT.test(text.slice(at, at + MAX_ROOT_CHARACTERS))
    at = skipped
  }
}

/** The usual picture is told from text by its first byte, without decoding any of it: a byte order mark, space, or `<`. */
const mayBeText = ([first = 0]: Uint8Array): boolean => TEXT_STARTS.has(first)

const TEXT_STARTS: ReadonlySet<number> = new Set([
  0xef, 0xff, 0xfe, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x3c, 0x00,
])

/** `<svg>`, or the same with a namespace prefix; another element's name may begin alike (`<svgfoo>`). */
const ROOT = /^<(?:[A-Za-z_][\w.-]{0,40}:)?svg[\s/>]/
const MAX_ROOT_CHARACTERS = 64

const decode = (bytes: Uint8Array): string => {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : 'utf-8'
  return new TextDecoder(encoding).decode(bytes)
}

const skipSpace = (text: string, from: number): number => {
  let at = from
  while (at < text.length && /[\s\uFEFF]/.test(text.charAt(at))) at += 1
  return at
}

/** The end of a comment, processing instruction or document type at `at`; undefined where there is none. */
const skipMisc = (text: string, at: number): number | 'unfinished' | undefined => {
  if (text.startsWith('<!--', at)) return after(text, '-->', at + 4)
  if (text.startsWith('<?', at)) return after(text, '?>', at + 2)
  if (/^<!doctype\b/i.test(text.slice(at, at + 10))) return skipDoctype(text, at)
  return undefined
}

const after = (text: string, end: string, from: number): number | 'unfinished' => {
  const found = text.indexOf(end, from)
  return found < 0 ? 'unfinished' : found + end.length
}

/** A document type may hold declarations in brackets, and `>` in quoted strings (entities). */
const skipDoctype = (text: string, from: number): number | 'unfinished' => {
  let depth = 0
  let quote = ''
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at)
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '[') depth += 1
    else if (character === ']') depth -= 1
    else if (character === '>' && depth === 0) return at + 1
  }
  return 'unfinished'
}
