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

/** By path. Each is a POST with the internal secret. */
export const INTERNAL_OPERATIONS: Readonly<Record<string, Operation>> = {
  '/_metadata': internal({
    operationId: 'tell-metadata',
    summary: 'Returns the metadata of a file: format, size, hash, placeholder, scan result.',
    request: 'MetadataRequest',
    answer: json('200', 'The metadata.', 'Metadata'),
    failures: [
      ...INTERNAL,
      ...OF_STORE,
      ...OF_MEDIA,
      'unsupported-format',
      'unsupported-codec',
      'undecodable',
      'too-large-dimensions',
      'too-many-frames',
      'address-rejected',
      'external-unreachable',
      'external-timeout',
      'scan-failed',
    ],
  }),
  '/_thumbnail': internal({
    operationId: 'make-thumbnail',
    summary: 'Returns the first frame of an uploaded video that can be decoded.',
    request: 'UploadRequest',
    answer: {
      '200': {
        description: 'The frame at its full size.',
        headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
        content: { 'image/jpeg': {} },
      },
    },
    failures: [...INTERNAL, ...OF_STORE, ...OF_MEDIA],
  }),
  '/_frames': internal({
    operationId: 'read-frames',
    summary:
      'Returns three frames of a video or an animation, the image itself if it is still, or none if the file cannot be read.',
    request: 'FramesRequest',
    answer: json('200', 'The frames.', 'Frames'),
    failures: [...INTERNAL, ...OF_STORE, ...OF_MEDIA],
  }),
  '/_sniff': internal({
    operationId: 'sniff',
    summary: 'Returns the type of an upload, detected from its first bytes.',
    request: 'SniffRequest',
    answer: json('200', 'The type.', 'Sniffed'),
    failures: [...INTERNAL, ...OF_STORE],
  }),
  '/_prepare': internal({
    operationId: 'prepare',
    summary: 'Makes renditions of an object before they are requested.',
    request: 'PrepareRequest',
    answer: json('202', 'The state of each rendition.', 'Preparation'),
    failures: INTERNAL,
  }),
  '/_purge': internal({
    operationId: 'purge',
    summary: 'Removes all renditions of an object, or of an external URL, from all caches.',
    request: 'PurgeRequest',
    answer: json('200', 'The number of renditions removed at the origin.', 'Purged'),
    failures: [...INTERNAL, 'store-unreachable', 'store-busy', 'store-timeout'],
  }),
}

interface InternalOperation {
  readonly operationId: string
  readonly summary: string
  /** The name of the schema of the request body. */
  readonly request: string
  /** The response of a success, by its status. */
  readonly answer: Readonly<Record<string, object>>
  readonly failures: readonly FailureCode[]
}

function internal({ operationId, summary, request, answer, failures: codes }: InternalOperation): Operation {
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
    'Stores an object, or a part of one, for an app that cannot reach the store. 404 if no relay is configured.',
  tags: ['uploads'],
  parameters: [
    key('key', 'The key of the object in the uploads bucket.', 'folder/a.png'),
    {
      name: 't',
      in: 'query',
      required: true,
      description: 'The token, which contains the object key, the maximum size and the expiry.',
      schema: { type: 'string', pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{43}$' },
    },
    {
      name: 'uploadId',
      in: 'query',
      description:
        'The id of a multipart upload in the store. Requires `partNumber`, and has to match the token.',
      schema: { type: 'string', minLength: 1, maxLength: 1024 },
    },
    {
      name: 'partNumber',
      in: 'query',
      description: 'The number of the part. Requires `uploadId`, and has to match the token.',
      schema: { type: 'integer', minimum: 1, maximum: 10_000 },
    },
  ],
  requestBody: {
    description: 'The bytes. Their `Content-Type` is ignored, because the token contains the type.',
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

/** By path. Each is a GET. */
export const SERVICE_OPERATIONS: Readonly<Record<string, Operation>> = {
  '/_health': {
    operationId: 'health',
    summary: 'Reports whether the process is running.',
    tags: ['service'],
    responses: text('200', 'The process is running.', 'OK'),
  },
  '/_ready': {
    operationId: 'ready',
    summary: 'Reports whether the service is ready.',
    tags: ['service'],
    responses: {
      ...text('200', 'The service is ready.', 'OK'),
      ...text('503', 'The service is not ready. The text names the missing parts.', 'Not ready: store'),
    },
  },
  '/_metrics': {
    operationId: 'metrics',
    summary:
      'Returns metrics for Prometheus, to a collector on the same machine or with the internal secret. Not available at the edge.',
    tags: ['service'],
    responses: {
      ...text('200', 'The metrics.', ''),
      ...failures(['forbidden', 'rate-limited', 'defect']),
    },
  },
  '/_openapi.json': {
    operationId: 'describe',
    summary: 'Returns this description. Only in development, otherwise 404.',
    tags: ['service'],
    responses: {
      '200': {
        description: 'The description in OpenAPI 3.1.',
        headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
        content: { 'application/json': { schema: { type: 'object' } } },
      },
      ...failures(['forbidden', 'no-route', 'rate-limited', 'defect', 'origin-unreachable', 'deadline']),
    },
  },
  '/internal/telemetry': {
    operationId: 'telemetry',
    summary: 'Reports whether telemetry is enabled.',
    tags: ['service'],
    responses: {
      ...json('200', 'The state of telemetry.', 'Telemetry'),
      ...failures(['forbidden', 'rate-limited', 'defect', 'origin-unreachable', 'deadline']),
    },
  },
}
