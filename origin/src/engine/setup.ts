/** What an engine process is told when it is started. */

import * as z from 'zod'

const ffmpegSchema = z.object({
  path: z.string(),
  version: z.string(),
  toneMaps: z.boolean(),
})

const mediaSchema = z.object({
  role: z.literal('media'),
  /** Whether videos are decoded by libav, and whether it is loaded at once or with the first of them. */
  libav: z.enum(['off', 'when needed', 'at once']),
  /** The binary that decodes them where libav does not. */
  ffmpeg: ffmpegSchema.optional(),
  /** Address space of one FFmpeg child. */
  decoderMemoryBytes: z.number(),
  /** A file whose presence makes a decoder crash: for tests of what a crash does. */
  crashOn: z.string().optional(),
})

const scanSchema = z.object({
  role: z.literal('scan'),
  path: z.string(),
  layout: z.enum(['nhwc', 'nchw']),
  colours: z.enum(['rgb', 'bgr-caffe']),
  threads: z.number(),
})

const setupSchema = z.discriminatedUnion('role', [mediaSchema, scanSchema])

export type EngineSetup = z.output<typeof setupSchema>
export type MediaSetup = z.output<typeof mediaSchema>

/** Reads the setup from the words of a command line. Throws where it is none. */
export function parseSetup(text: string | undefined): EngineSetup {
  return setupSchema.parse(JSON.parse(text ?? 'null'))
}
