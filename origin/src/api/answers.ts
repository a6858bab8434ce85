/** The answers in JSON: what the routes are typed by, and described by. A field that does not apply is absent. */

import * as z from 'zod'

const NSFW_CLASSES = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const

export const metadataAnswer = z.object({
  format: z.string().meta({ description: 'Such as png or mp4.' }),
  content_type: z.string().meta({ description: 'As the bytes tell it.' }),
  content_hash: z.string().meta({ description: 'SHA-256 in lower-case hexadecimal.' }),
  size: z.int().min(0).meta({ description: 'Bytes.' }),
  width: z.int().min(1).optional().meta({ description: 'Pixels of one frame, upright.' }),
  height: z.int().min(1).optional(),
  duration: z.int().min(0).optional().meta({ description: 'Whole seconds, rounded up.' }),
  placeholder: z.string().optional().meta({ description: 'ThumbHash in standard base64.' }),
  animated: z.boolean().optional(),
  codecs: z.object({ video: z.string().optional(), audio: z.string().optional() }).optional(),
  blurhash: z.string().optional(),
  palette: z
    .array(z.string())
    .optional()
    .meta({ description: 'Up to five colours as #rrggbb, the most frequent first.' }),
  phash: z.string().optional().meta({ description: '64 bits as 16 hexadecimal digits.' }),
  waveform: z
    .string()
    .optional()
    .meta({ description: 'Base64 of 256 bytes: the peak of each 1/256 of the duration.' }),
  nsfw: z.boolean(),
  nsfw_probability: z.number().min(0).max(1),
  nsfw_predictions: z
    .partialRecord(z.enum(NSFW_CLASSES), z.number())
    .meta({ description: 'Empty where nothing was scanned.' }),
  base64: z.string().optional().meta({ description: 'The bytes, where they were asked for.' }),
})

export type MetadataAnswer = z.input<typeof metadataAnswer>

export const framesAnswer = z.object({
  frames: z.array(
    z.object({
      timestamp: z.number().min(0).meta({ description: 'Seconds from the start.' }),
      mime_type: z.string(),
      base64: z.string(),
    }),
  ),
})

export type FramesAnswer = z.input<typeof framesAnswer>

export const sniffAnswer = z.object({
  content_type: z.string().nullable().meta({ description: 'Null for what is not accepted.' }),
})

export type SniffAnswer = z.input<typeof sniffAnswer>

const PATHS = z.array(z.string())

export const preparationAnswer = z.object({
  ready: PATHS.meta({ description: 'In memory already.' }),
  queued: PATHS.meta({ description: 'Made when nothing else has work.' }),
  refused: PATHS.meta({ description: 'Too many are waiting.' }),
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
