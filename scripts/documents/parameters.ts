/** Generates docs/urls.md: all parameters with their values, and their effect on an image. */

import { PARAMETER_GUIDE, type ParameterGuide } from '@media-proxy/shared/request/parameter-guide.ts'

export interface DocumentedPicture {
  /** The file name in docs/pictures. */
  readonly file: string
  /** The path and query of the request. */
  readonly path: string
}

const PHOTO = '/attachments/1/1/coffee.jpg'
const AVATAR = '/avatars/1/5a6d0c1e.webp'
const MOVING = '/avatars/1/77c0ffee.webp?size=100'
const FRAMED = '/stickers/2001.webp?size=160'
const VIDEO = '/attachments/1/1/day.mp4'
const PREVIEW = `${VIDEO}?width=200&format=webp&animated=true`

/** Sources that are small enough for a page, where the example of the guide would be a whole photo. */
const SOURCES: Readonly<Record<string, string>> = {
  size: AVATAR,
  time: VIDEO,
  duration: VIDEO,
  fps: VIDEO,
  sprite: VIDEO,
}
const PLAIN: Readonly<Record<string, string>> = {
  size: `${AVATAR}?size=160`,
  width: `${PHOTO}?width=100&format=webp`,
  format: `${PHOTO}?width=200`,
  fit: `${PHOTO}?width=200&height=200&format=webp`,
  gravity: `${PHOTO}?width=120&height=200&format=webp`,
  dpr: `${PHOTO}?width=100&format=webp`,
  time: `${VIDEO}?width=200&format=webp`,
  sprite: `${VIDEO}?width=100&format=webp`,
  duration: PREVIEW,
  fps: PREVIEW,
  background: `${PHOTO}?width=200&height=200&fit=contain&format=webp`,
  trim: FRAMED,
  maxbytes: `${PHOTO}?width=200&format=webp`,
  animated: `${MOVING}&animated=false`,
}
/**
 * The samples contain no attachments that are animated or have a border, so assets are shown. The parameters
 * are the same for them.
 */
const SHOWN: Readonly<Record<string, string>> = {
  animated: `${MOVING}&animated=true`,
  trim: `${FRAMED}&trim=true`,
}

/** Parameters without a visible effect. */
const HEARD: ReadonlySet<string> = new Set(['audio'])

/** Returns the image with the parameter, and one without it for comparison. */
export function picturesOf({ name, example }: ParameterGuide): readonly DocumentedPicture[] {
  if (HEARD.has(name)) return []
  const source = SOURCES[name] ?? PHOTO
  const small = /\b(size|width|height)=/.test(example) ? example : `width=200&${example}`
  const query = /\bformat=/.test(small) || source === AVATAR ? small : `${small}&format=webp`
  const plain = PLAIN[name] ?? `${PHOTO}?width=200&format=webp`
  return [
    { file: `${name}-without.${plain.includes('webp') ? 'webp' : 'jpg'}`, path: plain },
    { file: `${name}.webp`, path: SHOWN[name] ?? `${source}?${query}` },
  ]
}

export function urlsPage(): string {
  return `# URLs

Made of \`shared/src/request/parameter-guide.ts\` by \`pnpm generate\`; its pictures by \`pnpm pictures\`, which asks the
service itself. Do not edit.

| URL | answers |
| --- | --- |
| \`/avatars/<id>/<hash>.<ext>\`, \`/icons/\`, \`/banners/\`, \`/splashes/\`, \`/embed-splashes/\`, \`/discovery-splashes/\`, \`/branding/\` | an image, bounded in width |
| \`/guilds/<id>/users/<id>/avatars/<hash>.<ext>\`, \`…/banners/…\` | the same for a member of a guild |
| \`/emojis/<id>.<ext>\`, \`/stickers/<id>\` | the same; a sticker is padded to its box |
| \`/attachments/<path>\` | a stored file: streamed, or transformed where a parameter asks for it |
| \`/external/<signature>/<target>\` | media from elsewhere, signed (see [recipes](recipes.md)) |
| \`/themes/<id>.css\`, \`/entrance-sounds/<user>/<hash>.mp3\` | the stored file |
| \`/_health\`, \`/_ready\` | whether the process runs, and whether it can serve |
| \`POST /_metadata\`, \`/_thumbnail\`, \`/_frames\`, \`/_purge\` | for API servers, with the secret |

A bad value of a parameter is 400, an unknown parameter is ignored, and of a repeated one the first counts. Two
spellings of one rendition are one cache entry.

## Parameters

They are applied in this order, whatever theirs in the URL: the picture is turned upright, then \`crop\`, \`trim\`,
\`rotate\`, \`flip\`, the size with \`fit\` and \`gravity\`, \`pad\`, \`blur\`, \`sharpen\`, \`background\`, and last \`format\`,
\`quality\` and \`maxbytes\`. Of an animation that is kept every frame is treated alike; only \`trim\` is for stills.

| parameter | on | values | default |
| --- | --- | --- | --- |
${PARAMETER_GUIDE.map(row).join('\n')}

${PARAMETER_GUIDE.map(section).join('\n\n')}
`
}

const PLACES: Readonly<Record<ParameterGuide['on'], string>> = {
  asset: 'assets, emojis, stickers',
  transformation: 'attachments, external media',
  both: 'all images',
}

function row(parameter: ParameterGuide): string {
  const { name, on, otherwise } = parameter
  return `| [\`${name}\`](#${name}) | ${PLACES[on]} | ${valuesOf(parameter)} | ${otherwise} |`
}

function valuesOf({ values }: ParameterGuide): string {
  switch (values.kind) {
    case 'choice':
      return values.of.join(' ')
    case 'number':
      return `${values.min} to ${values.max}`
    case 'quality':
      return `${values.names.join(' ')}, or ${values.min} to ${values.max}`
    case 'flag':
      return 'true false'
    case 'text':
      return values.words
    case 'time':
      return 'seconds such as 1.5, a whole percentage such as 50%, or best'
    case 'seconds':
      return 'seconds such as 1.5'
  }
}

function section(parameter: ParameterGuide): string {
  const { name, summary } = parameter
  const [without, withIt] = picturesOf(parameter)
  if (without === undefined || withIt === undefined)
    return `### ${name}

${summary}

\`${parameter.example}\``
  return `### ${name}

${summary}

| \`${without.path}\` | \`${withIt.path}\` |
| --- | --- |
| ![without ${name}](pictures/${without.file}) | ![with ${name}](pictures/${withIt.file}) |`
}
