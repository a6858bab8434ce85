/** The service described in OpenAPI 3.1, one description for both doors, made of what requests are parsed and checked by. */

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
import { HEADERS, NEVER_READ, NEVER_READ_RESPONSE, refusals } from './responses.ts'
import { INTERNAL_OPERATIONS, SERVICE_OPERATIONS, UPLOAD_OPERATION } from './service-operations.ts'

const SUMMARY = `A media proxy for chat-sized products. Every GET answers HEAD with the same status and headers and no body,
and every path but the playground's answers OPTIONS with 204; any other method is 405 with \`Allow\`. Every path is also
answered under \`publicPath\` where one is configured. Of a repeated parameter the first counts, and an unknown one is ignored;
the upload relay alone refuses repeated ones. An invalid value of a known parameter is 400. A clip (\`format=mp4\` or \`webm\`)
takes \`fit=inside\` alone and no \`time=best\`. Where \`explainErrors\` is on, the text of a 400 goes on with what it is about.`

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
  /** The presets of a configuration; undefined for a description of no service in particular. */
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
      responses: { ...refusals(), NeverRead: NEVER_READ_RESPONSE },
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

/** As they are written: what is optional or transformed is told as it comes in. */
function schemasOf(schemas: Readonly<Record<string, z.ZodType>>) {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' })
      return [name, described]
    }),
  )
}
