/**
 * The bodies of the internal endpoints (contract, section 6). These schemas validate them and describe them.
 */

import { objectKeySchema } from '@media-proxy/shared/request/body-schemas.ts'
import * as z from 'zod'
import { EXTRA_NAMES } from '../engine/jobs.ts'

/** An object in the uploads bucket. */
export const uploadSchema = z.object({ type: z.literal('upload'), upload_filename: objectKeySchema })

/** An object in one of the configured buckets. */
const s3Schema = z.object({ type: z.literal('s3'), bucket: z.string(), key: objectKeySchema })

export const framesSchema = z.discriminatedUnion('type', [uploadSchema, s3Schema])

export const sniffSchema = uploadSchema.omit({ type: true })

const common = {
  filename: z.string().max(1024).optional(),
  with_base64: z.boolean().optional(),
  isNSFWAllowed: z.boolean().optional(),
  version: z.literal(2).optional(),
  nsfw: z.enum(['block', 'flag', 'allow']).optional(),
  extras: z.array(z.enum(EXTRA_NAMES)).max(16).optional(),
  waveform: z.boolean().optional(),
}

export const metadataSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('external'),
    url: z.string().min(1).max(8192).meta({ format: 'uri', pattern: '^[Hh][Tt][Tt][Pp][Ss]?://' }),
    ...common,
  }),
  uploadSchema.extend(common),
  z.object({
    type: z.literal('base64'),
    base64: z.string().min(1).meta({
      description: 'Standard base64, padded or not, plain or in a data URL.',
      pattern: '^(data:[^,]{0,200};base64,)?[A-Za-z0-9+/]+={0,2}$',
    }),
    ...common,
  }),
  s3Schema.extend(common),
])

/** The maximum number of renditions per request. */
const MAX_RENDITIONS = 64

export const prepareSchema = z.object({
  object: objectKeySchema,
  renditions: z
    .array(
      z
        .string()
        .startsWith('/')
        .max(2048)
        .meta({ description: 'The path and query of a rendition of the object.' }),
    )
    .min(1)
    .max(MAX_RENDITIONS),
})
