/** The operations of API servers, of uploads and of the service itself (contract, sections 1, 6 and 14). */

import type { FailureCode } from '@media-proxy/shared/response/failure.ts'
import { key, type Operation } from './media-operations.ts'
import { failures, json, text } from './responses.ts'

const INTERNAL: readonly FailureCode[] = [
  'bad-json',
  'bad-field',
  'bad-secret',
  'source-too-large',
  'rate-limited',
  'defect',
]
const OF_STORE: readonly FailureCode[] = ['not-found', 'store-unreachable', 'store-busy', 'store-timeout']
const OF_MEDIA: readonly FailureCode[] = ['overloaded', 'deadline']

/** By path; each is a POST with the internal secret. */
export const INTERNAL_OPERATIONS: Readonly<Record<string, Operation>> = {
  '/_metadata': internal(
    'tell-metadata',
    'What a file is: format, size, hash, placeholder, scan.',
    'MetadataRequest',
    json('200', 'What it is.', 'Metadata'),
    [
      ...[...INTERNAL, ...OF_STORE, ...OF_MEDIA],
      ...(['unsupported-format', 'unsupported-codec', 'undecodable', 'too-large-dimensions'] as const),
      ...([
        'too-many-frames',
        'address-refused',
        'external-unreachable',
        'external-timeout',
        'scan-failed',
      ] as const),
    ],
  ),
  '/_thumbnail': internal(
    'make-thumbnail',
    'The first frame of an uploaded video that decodes.',
    'UploadRequest',
    {
      '200': {
        description: 'The frame, as large as it is.',
        headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
        content: { 'image/jpeg': {} },
      },
    },
    [...INTERNAL, ...OF_STORE, ...OF_MEDIA],
  ),
  '/_frames': internal(
    'read-frames',
    'Three frames of a video or animation; the picture itself of a still one; none of what cannot be read.',
    'FramesRequest',
    json('200', 'The frames.', 'Frames'),
    [...INTERNAL, ...OF_STORE, ...OF_MEDIA],
  ),
  '/_sniff': internal(
    'sniff',
    'The type of an upload by its first bytes.',
    'SniffRequest',
    json('200', 'The type.', 'Sniffed'),
    [...INTERNAL, ...OF_STORE],
  ),
  '/_prepare': internal(
    'prepare',
    'Has renditions of an object made before anybody asks for them.',
    'PrepareRequest',
    json('202', 'What becomes of each.', 'Preparation'),
    INTERNAL,
  ),
  '/_purge': internal(
    'purge',
    'Forgets every rendition of an object, or of an external URL, in all caches.',
    'PurgeRequest',
    json('200', 'How many left the origin.', 'Purged'),
    [...INTERNAL, 'store-unreachable', 'store-busy', 'store-timeout'],
  ),
}

function internal(
  operationId: string,
  summary: string,
  request: string,
  answer: Readonly<Record<string, object>>,
  codes: readonly FailureCode[],
): Operation {
  return {
    operationId,
    summary,
    tags: ['internal'],
    security: [{ internalSecret: [] }, { bearer: [] }],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${request}` } } },
    },
    responses: { ...answer, ...failures(codes) },
  }
}

export const UPLOAD_OPERATION: Operation = {
  operationId: 'upload',
  summary:
    'Stores one object, or one part of one, for an app that cannot reach the store. 404 where no relay is configured.',
  tags: ['uploads'],
  parameters: [
    key('key', 'Of the object in the bucket of uploads.', 'folder/a.png'),
    {
      name: 't',
      in: 'query',
      required: true,
      description: 'The token, which names the object, its most bytes and its expiry.',
      schema: { type: 'string', pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{43}$' },
    },
    {
      name: 'uploadId',
      in: 'query',
      description:
        'Of a multipart upload that the store knows; together with `partNumber`, and in the token.',
      schema: { type: 'string', minLength: 1, maxLength: 1024 },
    },
    {
      name: 'partNumber',
      in: 'query',
      description: 'Together with `uploadId`, and in the token.',
      schema: { type: 'integer', minimum: 1, maximum: 10_000 },
    },
  ],
  requestBody: {
    description: 'The bytes, whatever their type: the one that counts is in the token.',
    content: { '*/*': {} },
  },
  responses: {
    '200': {
      description: 'Stored.',
      headers: {
        'X-Request-Id': { $ref: '#/components/headers/RequestId' },
        ETag: { $ref: '#/components/headers/ETag' },
      },
    },
    ...failures([
      ...(['bad-request', 'bad-signature', 'expired', 'forbidden', 'no-route', 'upload-too-slow'] as const),
      ...([
        'source-too-large',
        'rate-limited',
        'defect',
        'store-unreachable',
        'store-misconfigured',
      ] as const),
      ...(['overloaded', 'store-busy', 'store-timeout'] as const),
    ]),
  },
}

/** By path; each is a GET. */
export const SERVICE_OPERATIONS: Readonly<Record<string, Operation>> = {
  '/_health': {
    operationId: 'health',
    summary: 'Whether the process runs.',
    tags: ['service'],
    responses: text('200', 'It runs.', 'OK'),
  },
  '/_ready': {
    operationId: 'ready',
    summary: 'Whether the service can serve.',
    tags: ['service'],
    responses: {
      ...text('200', 'It can.', 'OK'),
      ...text('503', 'It cannot: the text names what is not ready.', 'Not ready: store'),
    },
  },
  '/_metrics': {
    operationId: 'metrics',
    summary:
      'Metrics for Prometheus: to a collector on the same machine, and with the internal secret. Never at the edge.',
    tags: ['service'],
    responses: {
      ...text('200', 'The metrics.', ''),
      ...failures(['forbidden', 'rate-limited', 'defect']),
    },
  },
  '/_openapi.json': {
    operationId: 'describe',
    summary: 'This description: in development alone, elsewhere 404.',
    tags: ['service'],
    responses: {
      '200': {
        description: 'OpenAPI 3.1.',
        headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
        content: { 'application/json': { schema: { type: 'object' } } },
      },
      ...failures(['forbidden', 'no-route', 'rate-limited', 'defect', 'origin-unreachable', 'deadline']),
    },
  },
  '/internal/telemetry': {
    operationId: 'telemetry',
    summary: 'Whether telemetry is on.',
    tags: ['service'],
    responses: {
      ...json('200', 'Whether it is.', 'Telemetry'),
      ...failures(['forbidden', 'rate-limited', 'defect', 'origin-unreachable', 'deadline']),
    },
  },
}
