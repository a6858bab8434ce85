import { constants, inflateRawSync, type ZlibOptions } from 'node:zlib'

/**
 * Detects SVG, which has no signature: it is XML whose root element is `svg`, after anything that XML allows
 * before the root.
 */

/**
 * Whether these first bytes are of an SVG document. When they end before the root element (after a
 * long comment or document type), `named` decides.
 */
export const isSvg = (bytes: Uint8Array, named: boolean): boolean => {
  if (isGzip(bytes)) return isSvg(inflateStart(bytes), named)
  if (!mayBeText(bytes)) return false
  const text = decode(bytes)
  const root = findSvgRoot(text)
  if (root === 'unfinished') return named && text.includes('<')
  return root !== undefined
}

/**
 * Returns the offset of the root element of an SVG document. Undefined when the root is another element or
 * there is none; `unfinished` when the text ends before it.
 */
export const findSvgRoot = (text: string): number | 'unfinished' | undefined => {
  let at = 0
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length) return 'unfinished'
    const skipped = skipMisc(text, at)
    if (skipped === 'unfinished') return skipped
    if (skipped === undefined) return ROOT.test(text.slice(at, at + MAX_ROOT_CHARACTERS)) ? at : undefined
    at = skipped
  }
}

/** Whether bytes are a gzip file, which may be an `.svgz`. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** The compressed bytes that are read. They expand to at most a thousand times as many. */
const INFLATED_START_BYTES = 2048

const inflateStart = (bytes: Uint8Array): Uint8Array => {
  try {
    return gunzipFirst(bytes.subarray(0, INFLATED_START_BYTES), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    // The data is corrupt, or not gzip.
    return new Uint8Array()
  }
}

/** Decompresses the first member of a gzip file (RFC 1952), whatever follows it. Throws what zlib throws. */
export const gunzipFirst = (bytes: Uint8Array, options: ZlibOptions): Uint8Array => {
  const flags = bytes[GZIP_FLAGS_AT] ?? 0
  let at = GZIP_HEADER_BYTES
  if ((flags & GZIP_EXTRA) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0)
  for (const text of [GZIP_NAME, GZIP_COMMENT]) if ((flags & text) !== 0) at = bytes.indexOf(0, at) + 1
  if ((flags & GZIP_SUM) !== 0) at += 2
  return inflateRawSync(bytes.subarray(at), options)
}

const [GZIP_FLAGS_AT, GZIP_HEADER_BYTES] = [3, 10]
const [GZIP_SUM, GZIP_EXTRA, GZIP_NAME, GZIP_COMMENT] = [2, 4, 8, 16]

/**
 * Whether bytes may be text, without decoding any. The first two bytes suffice to exclude most
 * images: text starts with a byte order mark, white space or `<`.
 */
const mayBeText = ([first = 0, second = 0]: Uint8Array): boolean =>
  TEXT_STARTS.has(first) || MARK_ENDS.get(first) === second

const TEXT_STARTS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x3c])
/**
 * The second byte of a byte order mark of UTF-8 or UTF-16, or of a `<` in big-endian UTF-16, by the first
 * byte. The first alone is not enough: JPEG also starts with ff.
 */
const MARK_ENDS: ReadonlyMap<number, number> = new Map([
  [0xef, 0xbb],
  [0xff, 0xfe],
  [0xfe, 0xff],
  [0x00, 0x3c],
])

/**
 * Matches `<svg>`, also with a namespace prefix. The name of another element may start the same way
 * (`<svgfoo>`).
 */
const ROOT = /^<(?:[A-Za-z_][\w.-]{0,40}:)?svg[\s/>]/
const MAX_ROOT_CHARACTERS = 64

const decode = (bytes: Uint8Array): string => new TextDecoder(xmlEncoding(bytes)).decode(bytes)

/**
 * Returns the encoding that the first bytes of a document indicate (XML 1.0, appendix F.1), from a byte order
 * mark or from `<`.
 */
export const xmlEncoding = ([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' => {
  if ((first === 0xff && second === 0xfe) || (first === LESS_THAN && second === 0)) return 'utf-16le'
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === LESS_THAN)) return 'utf-16be'
  return 'utf-8'
}

const LESS_THAN = 0x3c

const skipSpace = (text: string, from: number): number => {
  let at = from
  while (at < text.length && /[\s\uFEFF]/.test(text.charAt(at))) at += 1
  return at
}

/**
 * Returns the end of a comment, processing instruction or document type at `at`. Undefined when there is
 * none.
 */
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

/**
 * Returns the end of a document type. It may hold declarations in brackets, and `>` in quoted strings
 * (entities).
 */
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
