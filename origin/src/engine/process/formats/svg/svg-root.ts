/**
 * Determines the intrinsic size of an SVG as browsers do, from the root element's `width`, `height` and
 * `viewBox` (CSS Images 3, section 5.2; CSS 2.1, section 10.3.2). An SVG has no pixels and can be drawn at
 * any size. librsvg measures with 72 dots per inch and takes a `viewBox` for pixels, so the root element is
 * rewritten to have the intended size.
 */

import type { Size } from '../../../../media/size.ts'
import { findSvgRoot } from '../../../../media/sniff-svg.ts'
import { COLOUR_NAMES } from './css-colours.ts'

/**
 * The number of bytes that are searched for the root element. Leaves room for comments and a document type
 * before it.
 */
const HEAD_BYTES = 256 * 1024

/** The size of an image without one, and the box that an image with only an aspect ratio is fitted into. */
const DEFAULT: Size = { width: 300, height: 150 }

/**
 * Returns the size in CSS pixels, not rounded. Undefined when there is no root element, or when the image has
 * no area.
 */
export function svgSize(svg: Uint8Array): Size | undefined {
  const root = rootOf(svg)
  const size = root && sizeOf(root)
  return size && size.width > 0 && size.height > 0 ? size : undefined
}

/**
 * Returns the document with its size stated in pixels of libvips. It is drawn at 96 dots per inch, where
 * libvips makes four pixels of every three. With an explicit size the drawing has exactly that size; without
 * one, a narrow drawing that is rounded up would be drawn partly outside its image.
 */
export function withPixelSize(svg: Uint8Array): Uint8Array {
  const root = rootOf(svg)
  if (root === undefined) return svg
  const { start, tag, attributes } = root
  const { width, height } = sizeOf(root)
  const hasViewBox = viewBoxOf(root) !== undefined
  const name = /^<[^\s/>]+/.exec(tag)?.[0] ?? ''
  const kept = tag.slice(name.length).replace(hasViewBox ? SIZE : SIZE_AND_VIEW_BOX, '')
  const [drawnWidth, drawnHeight] = [width * PIXEL_SHARE, height * PIXEL_SHARE]
  // The size is also set as a style, because style sheets override attributes.
  const size = `width:${drawnWidth}px !important;height:${drawnHeight}px !important`
  const style = `${attributes.get('style') ?? ''};${size}`
  const added = [
    `width="${drawnWidth}" height="${drawnHeight}" style="${style.replaceAll('"', "'")}"`,
    ...(hasViewBox ? [] : [`viewBox="0 0 ${width} ${height}"`]),
  ]
  const head = Buffer.from(svg.buffer, svg.byteOffset, start).toString('latin1')
  const declaration = DECLARATION.exec(head)?.[0] ?? ''
  return Buffer.concat([
    Buffer.from(`${declaration.replace(BYTE_ORDER_MARK, '')}${MAGIC}`, 'latin1'),
    svg.subarray(declaration.length, start),
    Buffer.from(`${name} ${added.join(' ')}${kept}`, 'latin1'),
    backgroundOf(root),
    svg.subarray(start + tag.length),
  ])
}

/**
 * Returns a rectangle of the background colour that the root's style declares, which librsvg does not paint.
 * It becomes the first element and is larger than the visible area. Empty when there is no background.
 */
function backgroundOf(root: Root): Buffer {
  const { tag, attributes } = root
  const style = attributes.get('style') ?? ''
  const declared = [...style.matchAll(BACKGROUND)].at(-1)?.[1]
  const colour = declared
    ?.trimEnd()
    .replace(/!important$/, '')
    .replace(/^light-dark\(([^,()]+),.*$/, '$1')
    .trim()
  if (colour === undefined || !isColour(colour) || tag.endsWith('/>')) return Buffer.alloc(0)
  const prefix = /^<([^\s/>]+:)/.exec(tag)?.[1] ?? ''
  const { x, y, width, height } = viewBoxOf(root) ?? { x: 0, y: 0, ...sizeOf(root) }
  const place = `x="${x - BEYOND * width}" y="${y - BEYOND * height}"`
  const size = `width="${(2 * BEYOND + 1) * width}" height="${(2 * BEYOND + 1) * height}"`
  const own = [
    'opacity:1',
    'fill-opacity:1',
    'stroke:none',
    'display:inline',
    'visibility:visible',
    'filter:none',
  ]
  const rules = [`fill:${colour}`, ...own].map((rule) => `${rule} !important`).join(';')
  return Buffer.from(`<${prefix}rect ${place} ${size} style="${rules}"/>`, 'latin1')
}

/** How far the rectangle extends beyond the visible area on each side, as a multiple of its size. */
const BEYOND = 10

const BACKGROUND = /(?<![\w-])background(?:-color)?\s*:\s*((?:[^;()]|\((?:[^()]|\([^()]*\))*\))*)/g
const COLOUR = /^(?:#[\da-f]{3,8}|(?:rgb|hsl)a?\([\d\s.,%/]+\))$/i

/** Whether the text is a plain colour, without keywords that depend on the context. */
function isColour(text: string): boolean {
  return COLOUR.test(text) || COLOUR_NAMES.has(text.toLowerCase())
}

const PIXEL_SHARE = 72 / 96

/** The byte order mark of UTF-8, read as three characters of Latin-1. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf'
const DECLARATION = /^(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]*\?>)?/

/**
 * libvips recognises an SVG by this text in its first thousand bytes. It does not look past comments, and
 * does not recognise a prefixed root element.
 */
const MAGIC = '<!--<svg-->'

const SIZE = /\s(?:width|height|style)\s*=\s*(?:"[^"]*"|'[^']*')/g
const SIZE_AND_VIEW_BOX = /\s(?:width|height|style|viewBox)\s*=\s*(?:"[^"]*"|'[^']*')/g

interface Root {
  /** The offset in bytes, which equals characters when the text is read as Latin-1. */
  readonly start: number
  readonly tag: string
  readonly attributes: ReadonlyMap<string, string>
}

function rootOf(svg: Uint8Array): Root | undefined {
  const head = Buffer.from(svg.buffer, svg.byteOffset, Math.min(svg.length, HEAD_BYTES)).toString('latin1')
  const mark = head.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
  const found = findSvgRoot(head.slice(mark))
  if (typeof found !== 'number') return undefined
  const start = found + mark
  const tag = TAG.exec(head.slice(start))?.[0]
  if (tag === undefined) return undefined
  const attributes = new Map(
    [...tag.matchAll(ATTRIBUTE)].map(([, name = '', double, single]) => [name, double ?? single ?? '']),
  )
  return { start, tag, attributes }
}

const TAG = /^<(?:"[^"]*"|'[^']*'|[^"'>])*>/
const ATTRIBUTE = /\s([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

function sizeOf(root: Root): Size {
  const { width, height } = declaredSize(root)
  if (width !== undefined && height !== undefined) return { width, height }
  const ratio = viewBoxOf(root)
  // Without an aspect ratio to keep, one side does not determine the other.
  if (ratio !== undefined && STRETCHED.test(root.attributes.get('preserveAspectRatio') ?? '')) return DEFAULT
  if (width !== undefined)
    return { width, height: ratio === undefined ? DEFAULT.height : (width * ratio.height) / ratio.width }
  if (height !== undefined)
    return { width: ratio === undefined ? DEFAULT.width : (height * ratio.width) / ratio.height, height }
  if (ratio === undefined) return DEFAULT
  const scale = Math.min(DEFAULT.width / ratio.width, DEFAULT.height / ratio.height)
  return { width: ratio.width * scale, height: ratio.height * scale }
}

const STRETCHED = /^\s*none\b/

/** Reads attributes only: browsers do not consult style sheets for an image's size. */
function declaredSize({ attributes }: Root): { readonly [side in keyof Size]: number | undefined } {
  const fontSize = lengthOf(attributes.get('font-size'), DEFAULT_FONT_SIZE)
  return {
    width: lengthOf(attributes.get('width'), fontSize),
    height: lengthOf(attributes.get('height'), fontSize),
  }
}

const DEFAULT_FONT_SIZE = 16

/** The CSS pixels of each unit. Units relative to the surroundings of the image have no meaning here. */
const ABSOLUTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  px: 1,
  in: 96,
  cm: 96 / 2.54,
  mm: 96 / 25.4,
  q: 96 / 101.6,
  pt: 96 / 72,
  pc: 16,
}

function lengthOf(text: string | undefined, fontSize = DEFAULT_FONT_SIZE): number | undefined {
  const [, number, unit = ''] =
    /^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)([a-z]*)\s*$/i.exec(text ?? '') ?? []
  if (number === undefined) return undefined
  const relative = { em: fontSize, rem: DEFAULT_FONT_SIZE, ex: fontSize / 2, ch: fontSize / 2 }
  const factor = { ...ABSOLUTE_UNITS, ...relative }[unit.toLowerCase()]
  const length = factor === undefined ? Number.NaN : Number(number) * factor
  return Number.isFinite(length) && length >= 0 ? length : undefined
}

/**
 * Returns the `viewBox`, the area of the drawing's own coordinates. Undefined when it is missing or invalid.
 */
function viewBoxOf({ attributes }: Root): (Size & { readonly x: number; readonly y: number }) | undefined {
  const numbers = (attributes.get('viewBox') ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number)
  const [x = 0, y = 0, width = 0, height = 0] = numbers
  const valid = numbers.length === 4 && numbers.every(Number.isFinite) && width > 0 && height > 0
  return valid ? { x, y, width, height } : undefined
}
