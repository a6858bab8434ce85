/** The jobs of an engine process, and the schemas of its results. */

import { RENDITION_FORMATS } from '@media-proxy/shared/formats.ts'
import { FAILURE_CODES, type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import * as z from 'zod'
import { MEDIA_KINDS } from '../media/kinds.ts'
import type { SourceLimits } from '../media/limits.ts'
import type { RenderOptions, RenderQuality } from './render-options.ts'

/** Identifies jobs that work on the same source. */
export interface Sharing {
  /** The same number in all jobs on a source. */
  readonly id: number
  /** Whether other jobs on the source are waiting or will follow, which may need the same pixels. */
  readonly shared: boolean
}

/**
 * Where the bytes of a source are: in the body of the job, or in the memory of the server or in its store, from
 * which the process requests ranges.
 */
export type BytesLocation = 'body' | 'memory' | 'store'

/** The description of a source that its job receives. */
export interface JobSource extends Sharing {
  /** The format detected from its first bytes. Null when it is none of the accepted formats. */
  readonly format: string | null
  readonly sizeBytes: number
  readonly location: BytesLocation
}

/** The cost of a job, predicted before anything is decoded. */
export interface Cost {
  /** The peak of memory above that of an idle process. */
  readonly memoryBytes: number
  readonly cpuSeconds: number
}

interface MediaJob {
  readonly source: JobSource
  readonly limits: SourceLimits
}

/**
 * Makes a rendition. The body of the result is its bytes, or empty when the source itself is the rendition.
 */
export interface RenderJob extends MediaJob {
  readonly kind: 'render'
  readonly options: RenderOptions
  readonly renderQuality: RenderQuality
  /** The admitted cost. A job that costs more reports its cost instead of starting. */
  readonly allowance: Cost
}

/** Returns the metadata of a source. The body of the result is the images for the model, concatenated. */
export interface ExamineJob extends MediaJob {
  readonly kind: 'examine'
  readonly scan: boolean
  /**
   * Whether to examine the images even if the audio codec is not accepted: the media was accepted already, or
   * is delivered unchanged.
   */
  readonly acceptAnyAudio: boolean
  readonly extras: readonly ExtraName[]
  /** The largest number of evenly spaced frames of an animation or a video for the model. */
  readonly scanFrames: number
  readonly allowance: Cost
}

/**
 * Returns three frames of an animation or a video, or a still image unchanged. The body of the result is
 * their files, concatenated.
 */
export interface FramesJob extends MediaJob {
  readonly kind: 'frames'
  readonly allowance: Cost
}

/** The metadata fields that are returned only on request, because some clients reject unknown fields. */
export const EXTRA_NAMES = ['codecs', 'blurhash', 'palette', 'phash', 'waveform'] as const

export type ExtraName = (typeof EXTRA_NAMES)[number]

/** Runs the model on the images in the body. */
export interface ScanJob {
  readonly kind: 'scan'
}

/** A job that opens a source. */
export type SourceJob = RenderJob | ExamineJob | FramesJob

export type Job = SourceJob | ScanJob

const costSchema = z.object({ memoryBytes: z.number().nonnegative(), cpuSeconds: z.number().nonnegative() })

/** A resource that a process ran out of is not available again at once: disk space, or memory for FFmpeg. */
const RETRY_AFTER = { 'retry-after': '10' }

/** A decoder may report an error for every part of a file. Only the beginning is logged. */
const MAX_DETAIL_LENGTH = 1000

const hintSchema = z.union([
  z.object({ text: z.string().regex(/^[\x20-\x7e]{1,200}$/) }),
  z.object({ parameter: z.string().regex(/^[a-z]{1,20}$/), found: z.string().max(100) }),
])

const failureSchema = z
  .object({
    ok: z.literal(false),
    code: z.enum(FAILURE_CODES),
    detail: z.string().optional(),
    // The hint may be shown to clients, and a process that opens hostile files may send any text.
    hint: hintSchema.optional(),
  })
  .transform(
    ({ code, detail, hint }): Failure => ({
      ...fail(code, detail?.slice(0, MAX_DETAIL_LENGTH), code === 'overloaded' ? RETRY_AFTER : undefined),
      ...(hint === undefined ? {} : { hint }),
    }),
  )

/** The source costs more than was admitted, and nothing of it was decoded. */
const deferredSchema = z.object({ kind: z.literal('deferred'), cost: costSchema })

export type Deferred = z.output<typeof deferredSchema>

const renderedSchema = z.object({
  kind: z.literal('rendered'),
  format: z.enum(RENDITION_FORMATS),
  /** Whether the source itself is the rendition. */
  untouched: z.boolean(),
  /** Sprite sheets only: the seconds from one frame to the next. */
  spriteIntervalSeconds: z.number().nonnegative().optional(),
})

const pixels = z.int().min(1).max(65_535)

const codecName = z.string().regex(/^[a-z0-9_]{1,40}$/)

const examinedSchema = z.object({
  kind: z.literal('examined'),
  format: z.enum(MEDIA_KINDS.map(({ format }) => format)),
  /** The displayed size in pixels. Absent for audio. */
  size: z.object({ width: pixels, height: pixels }).optional(),
  durationSeconds: z.number().nonnegative().optional(),
  /** Images only. */
  animated: z.boolean().optional(),
  /** The ThumbHash of the first displayed frame, in base64. Absent for audio. */
  placeholder: z.string().max(200).optional(),
  codecs: z.object({ video: codecName.optional(), audio: codecName.optional() }).optional(),
  blurhash: z.string().max(200).optional(),
  palette: z
    .array(z.string().regex(/^#[0-9a-f]{6}$/))
    .max(5)
    .optional(),
  phash: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  waveform: z.string().max(400).optional(),
})

const framesSchema = z.object({
  kind: z.literal('frames'),
  frames: z
    .array(
      z.object({
        timestampSeconds: z.number().nonnegative(),
        mime: z.string().regex(/^image\/[a-z0-9+.-]{1,40}$/),
        bytes: z.int().nonnegative(),
      }),
    )
    .max(16),
})

const scannedSchema = z.object({ kind: z.literal('scanned'), predictions: z.array(z.number().min(0).max(1)) })

const resultSchemas = {
  render: z.union([renderedSchema, deferredSchema, failureSchema]),
  examine: z.union([examinedSchema, deferredSchema, failureSchema]),
  frames: z.union([framesSchema, deferredSchema, failureSchema]),
  scan: z.union([scannedSchema, failureSchema]),
} as const

export type ResultOf<Kind extends Job['kind']> = z.output<(typeof resultSchemas)[Kind]>
/** The result that a process sends, before it is validated. */
export type ResultSent<Kind extends Job['kind']> = z.input<(typeof resultSchemas)[Kind]>

/** The fields of every `done` frame: the result, and the CPU time of the process. */
const doneSchema = z.object({
  /** The CPU seconds since the process started. */
  cpuSeconds: z.number().nonnegative(),
  /** The part of them that was spent between the last job and this one, on releasing memory. */
  idleCpuSeconds: z.number().nonnegative(),
  result: z.unknown(),
})

export interface Done<Kind extends Job['kind']> {
  readonly cpuSeconds: number
  readonly idleCpuSeconds: number
  readonly result: ResultOf<Kind>
}

/** Validates the message that a process sends at the end of a job. Undefined when it is invalid. */
export function parseDone<Kind extends Job['kind']>(kind: Kind, text: string): Done<Kind> | undefined {
  const done = doneSchema.safeParse(parseJson(text)).data
  const parsed = resultSchemas[kind].safeParse(done?.result)
  if (done === undefined || !parsed.success) return undefined
  // The schema of this kind of job parsed it.
  const { cpuSeconds, idleCpuSeconds } = done
  return { cpuSeconds, idleCpuSeconds, result: parsed.data as ResultOf<Kind> }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Treated like any other value that matches no schema.
    return undefined
  }
}

const inspectionSchema = z.object({ cost: costSchema })
const rangeSchema = z.object({ start: z.int().nonnegative(), end: z.int().positive() })
const readySchema = z.object({
  /** The CPU seconds of its start. */
  cpuSeconds: z.number().nonnegative(),
  /** Everything that determines the bytes of a rendition besides its source and its options. */
  renderer: z.string().max(10_000),
  /** The version of libav when it is loaded in this process; null when it is not. */
  libav: z.string().max(200).nullable(),
  /** Why libav cannot be used, when it was to be loaded at once. */
  libavFault: z.string().optional(),
})

export type Ready = z.output<typeof readySchema>

export const parseReady = (text: string) => readySchema.safeParse(parseJson(text)).data
export const parseRange = (text: string) => rangeSchema.safeParse(parseJson(text)).data
const progressSchema = z.object({ share: z.number().min(0).max(1) })

export const parseProgress = (text: string) => progressSchema.safeParse(parseJson(text)).data

export const parseInspection = (text: string) => inspectionSchema.safeParse(parseJson(text)).data
