/**
 * The JSON responses. The routes take their types from these schemas, and the description is made from them.
 * A field that does not apply is absent.
 */

import * as z from 'zod'

const NSFW_CLASSES = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const

export const metadataAnswer = z.object({
  format: z.string().meta({ description: 'The format, such as png or mp4.' }),
  content_type: z.string().meta({ description: 'The MIME type, detected from the content.' }),
  content_hash: z.string().meta({ description: 'SHA-256 of the file, in lower-case hexadecimal.' }),
  size: z.int().min(0).meta({ description: 'The size of the file in bytes.' }),
  width: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'The width of one frame in pixels, after orientation.' }),
  height: z.int().min(1).optional(),
  duration: z.int().min(0).optional().meta({ description: 'The duration in whole seconds, rounded up.' }),
  placeholder: z.string().optional().meta({ description: 'The ThumbHash, in standard base64.' }),
  animated: z.boolean().optional(),
  codecs: z.object({ video: z.string().optional(), audio: z.string().optional() }).optional(),
  blurhash: z.string().optional(),
  palette: z
    .array(z.string())
    .optional()
    .meta({ description: 'Up to five colours as #rrggbb, the most frequent one first.' }),
  phash: z
    .string()
    .optional()
    .meta({ description: 'The perceptual hash: 64 bits as 16 hexadecimal digits.' }),
  waveform: z
    .string()
    .optional()
    .meta({ description: '256 bytes in base64: the peak of each 1/256 of the duration.' }),
  nsfw: z.boolean(),
  nsfw_probability: z.number().min(0).max(1),
  nsfw_predictions: z
    .partialRecord(z.enum(NSFW_CLASSES), z.number())
    .meta({ description: 'Empty when nothing was scanned.' }),
  base64: z.string().optional().meta({ description: 'The file in base64, if it was requested.' }),
})

export type MetadataAnswer = z.input<typeof metadataAnswer>

export const framesAnswer = z.object({
  frames: z.array(
    z.object({
      timestamp: z.number().min(0).meta({ description: 'The time of the frame, in seconds from the start.' }),
      mime_type: z.string(),
      base64: z.string(),
    }),
  ),
})

export type FramesAnswer = z.input<typeof framesAnswer>

export const sniffAnswer = z.object({
  content_type: z.string().nullable().meta({ description: 'Null for a format that is not accepted.' }),
})

export type SniffAnswer = z.input<typeof sniffAnswer>

const PATHS = z.array(z.string())

export const preparationAnswer = z.object({
  ready: PATHS.meta({ description: 'Renditions that are in memory already.' }),
  queued: PATHS.meta({ description: 'Renditions that are made once the service is idle.' }),
  rejected: PATHS.meta({ description: 'Renditions that were rejected because the queue is full.' }),
})

export type PreparationAnswer = z.input<typeof preparationAnswer>

export const purgeAnswer = z.object({ removed: z.int().min(0) })

export type PurgeAnswer = z.input<typeof purgeAnswer>

export const telemetryAnswer = z.object({
  telemetry_enabled: z.boolean(),
  service: z.literal('fluxer_media_proxy'),
  timestamp: z.string().meta({ format: 'date-time' }),
})

export type TelemetryAnswer = z.input<typeof telemetryAnswer>
