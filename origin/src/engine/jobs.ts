/** What an engine process can be asked to do, and what it answers. */

import { RENDITION_FORMATS } from '@media-proxy/shared/formats.ts'
import { FAILURE_CODES, type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import * as z from 'zod'
import { MEDIA_KINDS } from '../media/kinds.ts'
import type { SourceLimits } from '../media/limits.ts'
import type { RenderOptions, RenderQuality } from './render-options.ts'

/** Whether jobs work on the same source. */
export interface Sharing {
  /** The same in all jobs on a source. */
  readonly id: number
  /** Other jobs on it wait, or follow, which may want the same pixels. */
  readonly shared: boolean
}

/** A source as its job is told of it. */
export interface JobSource extends Sharing {
  /** What its first bytes say it is; null where they are none of the accepted kinds. */
  readonly format: string | null
  readonly sizeBytes: number
  /** All of it is the body of the job; otherwise the process asks for ranges. */
  readonly whole: boolean
}

/** Predicted before anything is decoded. */
export interface Cost {
  /** Peak of memory beside what an idle process has. */
  readonly memoryBytes: number
  readonly cpuSeconds: number
}

interface MediaJob {
  readonly source: JobSource
  readonly limits: SourceLimits
}

/** Makes a rendition; the body of the result is its bytes, or nothing where the source is the rendition. */
export interface RenderJob extends MediaJob {
  readonly kind: 'render'
  readonly options: RenderOptions
  readonly renderQuality: RenderQuality
  /** What was admitted: a job that costs more says so instead of beginning. */
  readonly allowance: Cost
}

/** Tells what a source is; the body of the result is the pictures that the model is to see, one after the other. */
export interface ExamineJob extends MediaJob {
  readonly kind: 'examine'
  readonly scan: boolean
  /** Its pictures are looked at whatever sounds beside them: it was accepted already, or streams as it is. */
  readonly anySound: boolean
  readonly extras: readonly ExtraName[]
  /** Most evenly spaced frames of what moves that the model is to see. */
  readonly scanFrames: number
  readonly allowance: Cost
}

/** Three frames of what moves, a still image as it is; the body of the result is their files, one after the other. */
export interface FramesJob extends MediaJob {
  readonly kind: 'frames'
  readonly allowance: Cost
}

/** What is told of media only where it is asked for: some clients refuse fields that they do not know. */
export const EXTRA_NAMES = ['codecs', 'blurhash', 'palette', 'phash', 'waveform'] as const

export type ExtraName = (typeof EXTRA_NAMES)[number]

/** Has the model look at the pictures in the body. */
export interface ScanJob {
  readonly kind: 'scan'
}

export type Job = RenderJob | ExamineJob | FramesJob | ScanJob

const costSchema = z.object({ memoryBytes: z.number().nonnegative(), cpuSeconds: z.number().nonnegative() })

/** What a process ran out of is not there again at once: room on a disk, or memory for FFmpeg. */
const RETRY_AFTER = { 'retry-after': '10' }

/** A decoder may complain of every part of a file; what is logged of it is the beginning. */
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
    // It may be told to whoever asked, and a process that opens hostile files may say anything.
    hint: hintSchema.optional(),
  })
  .transform(
    ({ code, detail, hint }): Failure => ({
      ...fail(code, detail?.slice(0, MAX_DETAIL_LENGTH), code === 'overloaded' ? RETRY_AFTER : undefined),
      ...(hint === undefined ? {} : { hint }),
    }),
  )

/** The source costs more than was admitted: nothing of it was decoded. */
const deferredSchema = z.object({ kind: z.literal('deferred'), cost: costSchema })

export type Deferred = z.output<typeof deferredSchema>

const renderedSchema = z.object({
  kind: z.literal('rendered'),
  format: z.enum(RENDITION_FORMATS),
  /** The source itself is the rendition. */
  untouched: z.boolean(),
  /** Of a sheet of frames: seconds from one to the next. */
  spriteIntervalSeconds: z.number().nonnegative().optional(),
})

const pixels = z.int().min(1).max(65_535)

const codecName = z.string().regex(/^[a-z0-9_]{1,40}$/)

const examinedSchema = z.object({
  kind: z.literal('examined'),
  format: z.enum(MEDIA_KINDS.map(({ format }) => format)),
  /** Pixels as they are shown; absent for audio. */
  size: z.object({ width: pixels, height: pixels }).optional(),
  durationSeconds: z.number().nonnegative().optional(),
  /** Of images only. */
  animated: z.boolean().optional(),
  /** ThumbHash of the first shown frame, base64; absent for audio. */
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
/** What a process sends for a result, before it is validated. */
export type ResultSent<Kind extends Job['kind']> = z.input<(typeof resultSchemas)[Kind]>

/** What stands in every `done`: the result, and the processor time of the process. */
const doneSchema = z.object({
  /** Since its start. */
  cpuSeconds: z.number().nonnegative(),
  /** What of it was spent between the last job and this one, on giving memory back. */
  restCpuSeconds: z.number().nonnegative(),
  result: z.unknown(),
})

export interface Done<Kind extends Job['kind']> {
  readonly cpuSeconds: number
  readonly restCpuSeconds: number
  readonly result: ResultOf<Kind>
}

/** Validates what a process says at the end of a job; undefined where it is nothing that it may say. */
export function parseDone<Kind extends Job['kind']>(kind: Kind, text: string): Done<Kind> | undefined {
  const done = doneSchema.safeParse(parseJson(text)).data
  const parsed = resultSchemas[kind].safeParse(done?.result)
  if (done === undefined || !parsed.success) return undefined
  // The schema of this very kind parsed it.
  const { cpuSeconds, restCpuSeconds } = done
  return { cpuSeconds, restCpuSeconds, result: parsed.data as ResultOf<Kind> }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The same as any other value that no schema takes.
    return undefined
  }
}

const inspectionSchema = z.object({ cost: costSchema })
const rangeSchema = z.object({ start: z.int().nonnegative(), end: z.int().positive() })
const readySchema = z.object({
  /** Processor time of its start. */
  cpuSeconds: z.number().nonnegative(),
  /** What decides the bytes of a rendition besides its source and its options. */
  renderer: z.string().max(10_000),
  /** Version of libav where it is loaded in this process; null where it is not. */
  libav: z.string().max(200).nullable(),
})

export type Ready = z.output<typeof readySchema>

export const parseReady = (text: string) => readySchema.safeParse(parseJson(text)).data
export const parseRange = (text: string) => rangeSchema.safeParse(parseJson(text)).data
const progressSchema = z.object({ share: z.number().min(0).max(1) })

export const parseProgress = (text: string) => progressSchema.safeParse(parseJson(text)).data

export const parseInspection = (text: string) => inspectionSchema.safeParse(parseJson(text)).data
