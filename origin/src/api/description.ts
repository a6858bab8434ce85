/**
 * Describes the service in OpenAPI 3.1. There is one description for the edge and the origin, made from the
 * schemas that parse and validate the requests.
 */

import { purgeSchema } from '@media-proxy/shared/request/body-schemas.ts'
import * as z from 'zod'
import {
  framesAnswer,
  metadataAnswer,
  preparationAnswer,
  purgeAnswer,
  sniffAnswer,
  telemetryAnswer,
} from './answers.ts'
import { framesSchema, metadataSchema, prepareSchema, sniffSchema, uploadSchema } from './bodies.ts'
import { mediaOperations, type Operation } from './media-operations.ts'
import { familyParameters } from './parameters.ts'
import { HEADERS, NEVER_READ, NEVER_READ_RESPONSE, rejections } from './responses.ts'
import { INTERNAL_OPERATIONS, SERVICE_OPERATIONS, UPLOAD_OPERATION } from './service-operations.ts'

const SUMMARY = `A media proxy for chat products. Every GET route also answers HEAD, with the same status and headers
and without a body. Every path but the playground's answers OPTIONS with 204. Any other method gets 405 with \`Allow\`. If
\`publicPath\` is configured, every path is also served below it. The first value of a repeated parameter counts, and unknown
parameters are ignored; only the upload relay rejects repeated ones. An invalid value of a known parameter gets 400. A clip
(\`format=mp4\` or \`webm\`) accepts only \`fit=inside\`, and not \`time=best\`. If \`explainErrors\` is on, the text of a 400 also
names its cause.`

const REQUESTS = {
  MetadataRequest: metadataSchema,
  UploadRequest: uploadSchema,
  FramesRequest: framesSchema,
  SniffRequest: sniffSchema,
  PrepareRequest: prepareSchema,
  PurgeRequest: purgeSchema,
}
const ANSWERS = {
  Metadata: metadataAnswer,
  Frames: framesAnswer,
  Sniffed: sniffAnswer,
  Preparation: preparationAnswer,
  Purged: purgeAnswer,
  Telemetry: telemetryAnswer,
}

export interface DescriptionOptions {
  readonly version: string
  /**
   * The names of the configured presets. Undefined for a description that is independent of a configuration.
   */
  readonly presets?: readonly string[]
}

export function describeApi({ version, presets }: DescriptionOptions) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Media proxy',
      version,
      description: SUMMARY.replaceAll('\n', ' '),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: ['media', 'internal', 'uploads', 'service'].map((name) => ({ name })),
    paths: {
      ...byMethod('get', mediaOperations(presets)),
      ...byMethod('post', INTERNAL_OPERATIONS),
      ...byMethod('put', { '/v1/relay/{key}': UPLOAD_OPERATION }),
      ...byMethod('get', SERVICE_OPERATIONS),
    },
    components: {
      headers: HEADERS,
      parameters: {
        ...familyParameters('asset', presets),
        ...familyParameters('transformation', presets),
      },
      responses: { ...rejections(), NeverRead: NEVER_READ_RESPONSE },
      schemas: { ...schemasOf(REQUESTS), ...schemasOf(ANSWERS) },
      securitySchemes: {
        internalSecret: { type: 'apiKey', in: 'header', name: 'X-Internal-Secret' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
  }
}

function byMethod(method: string, operations: Readonly<Record<string, Operation>>) {
  return Object.fromEntries(
    Object.entries(operations).map(([path, operation]) => [
      path,
      { [method]: { ...operation, responses: { ...operation.responses, ...NEVER_READ } } },
    ]),
  )
}

/**
 * Converts schemas to JSON Schema in their input form, before optional values are filled in and
 * transformations are applied.
 */
function schemasOf(schemas: Readonly<Record<string, z.ZodType>>) {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' })
      return [name, described]
    }),
  )
}
