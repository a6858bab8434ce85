/** The operations that answer media (contract, sections 1 to 5). */

import { OBJECT_KEY_PATTERN } from '@media-proxy/shared/request/body-schemas.ts'
import { IMAGE_ROUTES } from '@media-proxy/shared/request/media-request.ts'
import type { FailureCode } from '@media-proxy/shared/response/failure.ts'
import { type Parameter, queryParameters } from './parameters.ts'
import { failures, media } from './responses.ts'

/** An operation of one path and method. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security?: readonly object[]
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

const ID = '[A-Za-z0-9_-]{1,64}'
const HASH = '[A-Za-z0-9_]{1,100}'
const EXTENSIONS = '(png|apng|jpg|jpeg|webp|gif|avif|svg|heic|jxl)'

/** Whatever is read from a store can end so. */
const STORED: readonly FailureCode[] = [
  ...(['bad-request', 'forbidden', 'not-found', 'precondition-failed', 'range-not-satisfiable'] as const),
  ...(['rate-limited', 'defect', 'store-unreachable', 'store-busy', 'store-timeout'] as const),
]
/** Whatever is rendered can end so too. */
const RENDERED: readonly FailureCode[] = [
  ...STORED,
  ...(['too-large-dimensions', 'too-many-frames', 'unsupported-format', 'unsupported-codec'] as const),
  ...(['source-too-large', 'overloaded', 'deadline'] as const),
]
const TRANSFORMED: readonly FailureCode[] = [...RENDERED, 'not-visual', 'scan-failed']

const IMAGES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif']

/** The names of presets, where a service is described; undefined where none in particular is. */
type Presets = readonly string[] | undefined

/** By path; each is a GET. */
export function mediaOperations(presets: Presets): Readonly<Record<string, Operation>> {
  const asset = (operationId: string, summary: string, parameters: readonly Parameter[]): Operation => ({
    operationId,
    summary,
    tags: ['media'],
    parameters: [...parameters, ...queryParameters('asset', presets)],
    responses: { ...media('The picture.', IMAGES), ...failures([...RENDERED, 'broken-source']) },
  })
  const hashFile = path(
    'file',
    `^${HASH}\\.${EXTENSIONS}$`,
    'abc.webp',
    'A hash and an extension, in any case; a_ before the hash keeps an animation.',
  )
  const folders = IMAGE_ROUTES.map((route): [string, Operation] => [
    `/${route}/{id}/{file}`,
    asset(`get-${route}`, `An image of ${route}, bounded in width.`, [id('id'), hashFile]),
  ])
  const members = ['avatars', 'banners'].map((kind): [string, Operation] => [
    `/guilds/{guildId}/users/{userId}/${kind}/{file}`,
    asset(`get-member-${kind}`, `One of the ${kind} of a member in one guild.`, [
      id('guildId'),
      id('userId'),
      hashFile,
    ]),
  ])
  return {
    ...Object.fromEntries([...folders, ...members]),
    '/emojis/{file}': asset('get-emoji', 'An emoji, bounded in width.', [
      path('file', `^${ID}\\.${EXTENSIONS}$`, '1.webp', 'An id and an extension.'),
    ]),
    '/stickers/{file}': asset('get-sticker', 'A sticker, padded to its box.', [
      path('file', `^${ID}(\\.${EXTENSIONS})?$`, '1', 'An id, with or without an extension.'),
    ]),
    '/attachments/{path}': attachment(presets),
    '/external/{signature}/{target}': external(presets),
    ...FILES,
  }
}

function attachment(presets: Presets): Operation {
  return {
    operationId: 'get-attachment',
    summary: 'A stored file: streamed, or transformed where a parameter asks for it.',
    tags: ['media'],
    parameters: [
      key('path', 'Below `attachments/`; its slashes may stand as they are.', '1/a.png'),
      ...queryParameters('transformation', presets),
      ...ATTACHMENT_SIGNATURE,
    ],
    responses: {
      ...media('The file, or what was made of it.', ['*/*']),
      ...failures([...TRANSFORMED, 'undecodable']),
    },
  }
}

function external(presets: Presets): Operation {
  return {
    operationId: 'get-external',
    summary: 'Media from elsewhere, signed: passed through, or transformed where a parameter asks for it.',
    tags: ['media'],
    parameters: [
      path(
        'signature',
        '^([A-Za-z0-9_-]{43}|[0-9a-f]{64})$',
        'jkGeYYCiqJ67eS5T6lWJ4eQ77pwIaf6yoXXF5LncsHY',
        'HMAC-SHA256 of the target as it stands in the path, in base64url or hexadecimal.',
      ),
      {
        name: 'target',
        in: 'path',
        required: true,
        description:
          '`v2/` (or `v3/`, whose signature covers the parameters) and the base64url of the URL without padding, or the ' +
          'URL in segments or percent-encoded; the slash stands as it is.',
        schema: { type: 'string', minLength: 1 },
        example: 'v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8',
      },
      ...queryParameters('transformation', presets),
      {
        name: 'ex',
        in: 'query',
        description: 'Unix seconds from which on the URL is refused; part of what is signed.',
        schema: { type: 'integer', minimum: 1, maximum: 99_999_999_999 },
      },
    ],
    responses: {
      ...media('The media, or what was made of them.', ['image/*', 'video/*', 'audio/*']),
      ...failures([
        ...TRANSFORMED,
        ...(['undecodable', 'address-refused', 'bad-signature', 'expired'] as const),
        ...(['external-unreachable', 'external-timeout'] as const),
      ]),
    },
  }
}

const ATTACHMENT_SIGNATURE: readonly Parameter[] = [
  signed('ex', '^([0-9a-f]{8}|0)$', 'Unix seconds of expiry in hexadecimal; 0 of a data package.'),
  signed('is', '^[0-9a-f]{8}$', 'Unix seconds of issue in hexadecimal.'),
  signed('hm', '^[0-9a-f]{64}$', 'HMAC-SHA256 in hexadecimal.'),
  signed('uc', '^dp$', 'The use, of a data package.'),
]

/** Judged where `attachmentSignatures` are enforced, else ignored whatever they are. */
function signed(name: string, pattern: string, description: string): Parameter {
  return {
    name,
    in: 'query',
    description: `${description} Judged only where \`attachmentSignatures\` is on.`,
    schema: { type: 'string', pattern },
  }
}

function id(name: string): Parameter {
  return path(name, `^${ID}$`, '1')
}

/** A key of an object in a path. */
export function key(name: string, description: string, example: string): Parameter {
  return path(name, OBJECT_KEY_PATTERN, example, description)
}

function path(name: string, pattern: string, example: string, description?: string): Parameter {
  return {
    name,
    in: 'path',
    required: true,
    ...(description === undefined ? {} : { description }),
    schema: { type: 'string', pattern },
    example,
  }
}

const FILES: Readonly<Record<string, Operation>> = {
  '/themes/{file}': {
    operationId: 'get-theme',
    summary: 'The style sheet of a theme.',
    tags: ['media'],
    parameters: [path('file', '^[0-9a-f]{16}\\.css$', '0123456789abcdef.css', 'An id and `.css`.')],
    responses: { ...media('The style sheet.', ['text/css']), ...failures(STORED) },
  },
  '/entrance-sounds/{userId}/{file}': {
    operationId: 'get-entrance-sound',
    summary: 'An entrance sound.',
    tags: ['media'],
    parameters: [
      id('userId'),
      path('file', `^${HASH}\\.(mp3|ogg|m4a|wav)$`, 'abc.mp3', 'A hash and an extension.'),
    ],
    responses: { ...media('The sound.', ['audio/*']), ...failures(STORED) },
  },
}
