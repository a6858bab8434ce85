/** Generates docs/urls.md: all parameters with their values, and their effect on an image. */

import { PARAMETER_GUIDE, type ParameterGuide } from '@media-proxy/shared/request/parameter-guide.ts'

export interface ExampleImage {
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
const AUDIO_PARAMETERS: ReadonlySet<string> = new Set(['audio'])

/** Returns the image with the parameter, and one without it for comparison. */
export function exampleImagesOf({ name, example }: ParameterGuide): readonly ExampleImage[] {
  if (AUDIO_PARAMETERS.has(name)) return []
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

This page is generated from \`shared/src/request/parameter-guide.ts\` by \`pnpm generate\`, and its images by \`pnpm pictures\`, which
requests them from the service. Do not edit it.

| URL | serves |
| --- | --- |
| \`/avatars/<id>/<hash>.<ext>\`, \`/icons/\`, \`/banners/\`, \`/splashes/\`, \`/embed-splashes/\`, \`/discovery-splashes/\`, \`/branding/\` | an image of at most the width \`size\` |
| \`/guilds/<id>/users/<id>/avatars/<hash>.<ext>\`, \`…/banners/…\` | the same, for a guild member |
| \`/emojis/<id>.<ext>\`, \`/stickers/<id>\` | the same; a sticker is fitted into a box and padded |
| \`/attachments/<path>\` | a stored file, or a rendition of it if a parameter requests one |
| \`/external/<signature>/<target>\` | media from another server; the URL is signed (see [recipes](recipes.md)) |
| \`/themes/<id>.css\`, \`/entrance-sounds/<user>/<hash>.mp3\` | the stored file |
| \`/_health\`, \`/_ready\` | liveness and readiness |
| \`POST /_metadata\`, \`/_thumbnail\`, \`/_frames\`, \`/_purge\` | internal routes for API servers, which need the secret |

An invalid value of a parameter is rejected with 400. Unknown parameters are ignored. If a parameter is repeated, the first one
counts. All spellings of one rendition share one cache entry.

## Parameters

The service applies the operations in this order, independent of their order in the URL: orientation, \`crop\`, \`trim\`, \`rotate\`,
\`flip\`, scaling (with \`fit\` and \`gravity\`), \`pad\`, \`blur\`, \`sharpen\`, \`background\`, and finally the encoding with \`format\`,
\`quality\` and \`maxbytes\`. They apply to every frame of an animation, except \`trim\`, which applies only to still images.

| parameter | applies to | values | default |
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
  const { name, on, defaultText } = parameter
  return `| [\`${name}\`](#${name}) | ${PLACES[on]} | ${valuesOf(parameter)} | ${defaultText} |`
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
  const [without, withIt] = exampleImagesOf(parameter)
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
