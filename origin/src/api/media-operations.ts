/** The operations that answer media (contract, sections 1 to 5). */

import { ASSET_EXTENSIONS } from '@media-proxy/shared/formats.ts'
import { OBJECT_KEY_PATTERN } from '@media-proxy/shared/request/body-schemas.ts'
import {
  HASH_PATTERN,
  ID_PATTERN,
  SOUND_EXTENSION_PATTERN,
  THEME_FILE_PATTERN,
} from '@media-proxy/shared/request/file-names.ts'
import { IMAGE_ROUTES } from '@media-proxy/shared/request/media-request.ts'
import type { FailureCode } from '@media-proxy/shared/response/failure.ts'
import { type Parameter, queryParameters } from './parameters.ts'
import { failures, media } from './responses.ts'

/** An OpenAPI operation of one path and method. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security?: readonly object[]
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

const EXTENSIONS = `(${ASSET_EXTENSIONS.join('|')})`

/** Failures of any operation that reads from a store. */
const STORED: readonly FailureCode[] = [
  ...(['bad-request', 'forbidden', 'not-found', 'precondition-failed', 'range-not-satisfiable'] as const),
  ...(['rate-limited', 'defect', 'store-unreachable', 'store-busy', 'store-timeout'] as const),
]
/** Failures of any operation that renders. */
const RENDERED: readonly FailureCode[] = [
  ...STORED,
  ...(['too-large-dimensions', 'too-many-frames', 'unsupported-format', 'unsupported-codec'] as const),
  ...(['source-too-large', 'overloaded', 'deadline'] as const),
]
const TRANSFORMED: readonly FailureCode[] = [...RENDERED, 'not-visual', 'scan-failed']

const IMAGES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif']

/**
 * The names of presets of a particular service. Undefined
 * for a description that is independent of a configuration.
 */
type Presets = readonly string[] | undefined

/** Returns the operations by path. Each is a GET. */
export function mediaOperations(presets: Presets): Readonly<Record<string, Operation>> {
  const asset = (operationId: string, summary: string, parameters: readonly Parameter[]): Operation => ({
    operationId,
    summary,
    tags: ['media'],
    parameters: [...parameters, ...queryParameters('asset', presets)],
    responses: { ...media('The image.', IMAGES), ...failures([...RENDERED, 'broken-source']) },
  })
  const hashFile = path(
    'file',
    `^${HASH_PATTERN}\\.${EXTENSIONS}$`,
    'abc.webp',
    'A hash and an extension, in any case. A hash that starts with a_ keeps its animation.',
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
      path('file', `^${ID_PATTERN}\\.${EXTENSIONS}$`, '1.webp', 'An id and an extension.'),
    ]),
    '/stickers/{file}': asset('get-sticker', 'A sticker, scaled to fit its box and padded.', [
      path('file', `^${ID_PATTERN}(\\.${EXTENSIONS})?$`, '1', 'An id, with or without an extension.'),
    ]),
    '/attachments/{path}': attachment(presets),
    '/external/{signature}/{target}': external(presets),
    ...FILES,
  }
}

function attachment(presets: Presets): Operation {
  return {
    operationId: 'get-attachment',
    summary: 'A stored file, streamed unchanged, or transformed if a parameter requests it.',
    tags: ['media'],
    parameters: [
      key('path', 'The key below `attachments/`. Slashes need not be encoded.', '1/a.png'),
      ...queryParameters('transformation', presets),
      ...ATTACHMENT_SIGNATURE,
    ],
    responses: {
      ...media('The file, or its rendition.', ['*/*']),
      ...failures([...TRANSFORMED, 'undecodable']),
    },
  }
}

function external(presets: Presets): Operation {
  return {
    operationId: 'get-external',
    summary: 'Signed external media, passed through unchanged, or transformed if a parameter requests it.',
    tags: ['media'],
    parameters: [
      path(
        'signature',
        '^([A-Za-z0-9_-]{43}|[0-9a-f]{64})$',
        'jkGeYYCiqJ67eS5T6lWJ4eQ77pwIaf6yoXXF5LncsHY',
        'HMAC-SHA256 of the target exactly as in the path, in base64url or hexadecimal.',
      ),
      {
        name: 'target',
        in: 'path',
        required: true,
        description:
          '`v2/` (or `v3/`, whose signature covers the parameters) and the URL in base64url without padding, or the URL in ' +
          'segments or percent-encoded. The slash is not encoded.',
        schema: { type: 'string', minLength: 1 },
        example: 'v2/aHR0cHM6Ly9leGFtcGxlLmNvbS8',
      },
      ...queryParameters('transformation', presets),
      {
        name: 'ex',
        in: 'query',
        description: 'The time from which the URL is rejected, in Unix seconds. Covered by the signature.',
        schema: { type: 'integer', minimum: 1, maximum: 99_999_999_999 },
      },
    ],
    responses: {
      ...media('The media, or their rendition.', ['image/*', 'video/*', 'audio/*']),
      ...failures([
        ...TRANSFORMED,
        ...(['undecodable', 'address-rejected', 'bad-signature', 'expired'] as const),
        ...(['external-unreachable', 'external-timeout'] as const),
      ]),
    },
  }
}

const ATTACHMENT_SIGNATURE: readonly Parameter[] = [
  signed(
    'ex',
    '^([0-9a-f]{8}|0)$',
    'The time of expiry in Unix seconds, in hexadecimal. 0 for a data package.',
  ),
  signed('is', '^[0-9a-f]{8}$', 'The time of issue in Unix seconds, in hexadecimal.'),
  signed('hm', '^[0-9a-f]{64}$', 'The HMAC-SHA256 signature, in hexadecimal.'),
  signed('uc', '^dp$', 'The purpose of the URL: a data package.'),
]

/** Describes a parameter that is checked only when `attachmentSignatures` is on, and ignored otherwise. */
function signed(name: string, pattern: string, description: string): Parameter {
  return {
    name,
    in: 'query',
    description: `${description} Checked only if \`attachmentSignatures\` is on.`,
    schema: { type: 'string', pattern },
  }
}

function id(name: string): Parameter {
  return path(name, `^${ID_PATTERN}$`, '1')
}

/** Describes an object key in a path. */
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
    parameters: [path('file', `^${THEME_FILE_PATTERN}$`, '0123456789abcdef.css', 'An id and `.css`.')],
    responses: { ...media('The style sheet.', ['text/css']), ...failures(STORED) },
  },
  '/entrance-sounds/{userId}/{file}': {
    operationId: 'get-entrance-sound',
    summary: 'An entrance sound.',
    tags: ['media'],
    parameters: [
      id('userId'),
      path('file', `^${HASH_PATTERN}\\.${SOUND_EXTENSION_PATTERN}$`, 'abc.mp3', 'A hash and an extension.'),
    ],
    responses: { ...media('The sound.', ['audio/*']), ...failures(STORED) },
  },
}
