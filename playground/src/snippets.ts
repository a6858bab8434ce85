/** Generates code for the rendition, in several languages. */

import { densitySrcset, widthSrcset } from '@media-proxy/shared/client/srcset.ts'
import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import { decodeSegment } from './decode-segment.ts'
import { familyOf, isExternal, queryOf, type State, urlOf, withQuery } from './state.ts'

export const LANGUAGES = ['URL', 'curl', 'img', 'picture', 'CSS', 'TypeScript'] as const
export type Language = (typeof LANGUAGES)[number]

/** Returns the code in a language. `base` is the absolute URL of the source, without parameters. */
export function snippet(language: Language, base: string, state: State): string {
  const url = urlOf(base, state)
  switch (language) {
    case 'URL':
      return url
    case 'curl':
      return `curl -o ${fileNameOf(state)} ${shellQuoted(url)}`
    case 'img':
      return imgTag(base, state, '')
    case 'picture':
      return pictureElement(base, state)
    case 'CSS':
      return cssRule(base, state)
    case 'TypeScript':
      return typeScript(state)
  }
}

const WIDTHS = [320, 640, 1280] as const
const DENSITIES = ['1', '2', '3'] as const

function srcsetOf(base: string, state: State): string {
  const { dpr: _, ...parameters } = state.parameters
  const at = (more: Readonly<Record<string, string>>) =>
    urlOf(base, { ...state, parameters: { ...parameters, ...more } })
  const sized =
    familyOf(state.source) === 'asset' || parameters.width !== undefined || parameters.height !== undefined
  return sized
    ? densitySrcset(DENSITIES.map(Number), (dpr) => at(dpr === 1 ? {} : { dpr: String(dpr) }))
    : widthSrcset(WIDTHS, (width) => at({ width: String(width) }))
}

function imgTag(base: string, state: State, indent: string): string {
  const lines = [
    `src="${htmlQuoted(urlOf(base, state))}"`,
    `srcset="${htmlQuoted(srcsetOf(base, state))}"`,
    `alt="" loading="lazy" decoding="async"`,
  ]
  return `${indent}<img\n${lines.map((line) => `${indent}  ${line}`).join('\n')}\n${indent}>`
}

function pictureElement(base: string, state: State): string {
  const as = (format: string): State => ({ ...state, parameters: { ...state.parameters, format } })
  const sources = ['avif', 'webp'].map(
    (format) => `  <source type="image/${format}" srcset="${htmlQuoted(srcsetOf(base, as(format)))}">`,
  )
  return ['<picture>', ...sources, imgTag(base, as('jpg'), '  '), '</picture>'].join('\n')
}

function cssRule(base: string, state: State): string {
  const { dpr: _, ...parameters } = state.parameters
  const images = ['1', '2'].map((dpr) => {
    const url = urlOf(base, { ...state, parameters: { ...parameters, ...(dpr === '1' ? {} : { dpr }) } })
    return `    url("${url}") ${dpr}x`
  })
  return `.media {\n  background-image: image-set(\n${images.join(',\n')}\n  );\n}`
}

function typeScript(state: State): string {
  const options = [...new URLSearchParams(queryOf(state))].map(
    ([name, value]) => `${name}: ${literalOf(name, value)}`,
  )
  const braces = options.length === 0 ? '' : `, { ${options.join(', ')} }`
  const from = "from '@media-proxy/client'"
  if (isExternal(state.source)) {
    return `import { createExternalUrls } ${from}

// On a server: the secret must not reach a browser.
const external = createExternalUrls({ baseUrl: MEDIA_URL, secretKey: SECRET_KEY })
const url = await external.sign(${JSON.stringify(state.source)}${braces})`
  }
  return `import { createMediaUrls } ${from}

const media = createMediaUrls(MEDIA_URL)
const url = media.${callOf(state.source, braces)}`
}

/**
 * Returns a value as a literal of the type that the URL builder expects: a colour of six digits is a string.
 */
function literalOf(name: string, value: string): string {
  const isText = PARAMETER_GUIDE.find((parameter) => parameter.name === name)?.values.kind === 'text'
  return !isText && /^(\d+(\.\d+)?|true|false)$/.test(value) ? value : JSON.stringify(value)
}

/** Returns the call of the URL builder for a path of the store. */
function callOf(source: string, braces: string): string {
  const [path = ''] = source.split('?')
  const [, first = '', ...rest] = path.split('/').map(decodeSegment)
  const text = (value: string | undefined) => JSON.stringify(value ?? '')
  const { name, options } = splitExtension(rest.at(-1) ?? '', braces)
  switch (first) {
    case 'attachments':
      return `attachment(${text(rest.join('/'))}${braces})`
    case 'themes':
      return `theme(${text(name)})`
    case 'entrance-sounds':
      return `entranceSound(${text(rest[0])}, ${text(name)}, ${text(rest[1]?.split('.').at(-1))})`
    case 'emojis':
      return `emoji(${text(name)}${options})`
    case 'stickers':
      return `sticker(${text(name)}${options})`
    case 'guilds':
      return `memberAsset(${text(rest[0])}, ${text(rest[2])}, ${text(rest[3])}, ${text(name)}${options})`
    default:
      return `asset(${text(first)}, ${text(rest[0])}, ${text(name)}${options})`
  }
}

function splitExtension(file: string, braces: string): { readonly name: string; readonly options: string } {
  const [, name = file, extension = 'webp'] = /^(.*)\.([a-z0-9]+)$/.exec(file) ?? []
  if (extension === 'webp') return { name, options: braces }
  const own = `extension: ${JSON.stringify(extension)}`
  return { name, options: braces === '' ? `, { ${own} }` : braces.replace('{ ', `{ ${own}, `) }
}

function fileNameOf({ source, parameters }: State): string {
  const last = decodeSegment((source.split(/[?#]/)[0] ?? '').split('/').at(-1) ?? '')
  const stem = last.replace(/\.[a-z0-9]+$/i, '').replace(/[^A-Za-z0-9_-]+/g, '-') || 'media'
  const format =
    parameters.format === undefined || parameters.format === 'auto' ? undefined : parameters.format
  return `${stem}.${format ?? /\.([a-z0-9]+)$/i.exec(last)?.[1] ?? 'bin'}`
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function htmlQuoted(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
}

/** Returns the URL of the same image in another format and quality, for the contact sheet. */
export function variantUrl(base: string, state: State, format: string, quality: string): string {
  const parameters = { ...state.parameters, format, quality }
  return withQuery(base, queryOf({ ...state, parameters }))
}
