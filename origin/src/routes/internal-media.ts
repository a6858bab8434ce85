/** `POST /_thumbnail` and `POST /_frames`: stills for whoever holds the secret. Never cached. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import * as z from 'zod'
import type { Lane } from '../concurrency/lane.ts'
import { waitFor } from '../concurrency/wait.ts'
import { animationTimes, frameAt } from '../engine/process/image/animation-frames.ts'
import { decodePicture } from '../engine/process/image/decode.ts'
import { inspectImage } from '../engine/process/image/inspect.ts'
import type { RawPicture } from '../engine/process/image/raw-picture.ts'
import { renderRaw } from '../engine/process/image/render-image.ts'
import { readThreeFrames } from '../engine/process/video/frames.ts'
import { threeMoments } from '../engine/process/video/moments.ts'
import { openVideo, type VideoTools } from '../engine/process/video/video.ts'
import type { MediaKind } from '../media/kinds.ts'
import type { SourceReader } from '../source/reader.ts'
import type { Source } from '../source/source.ts'
import type { Answer, Exchange } from './exchange.ts'
import { readJsonBody, s3Schema, uploadSchema } from './internal-body.ts'

export interface InternalMediaOptions {
  /** The sources of a bucket; undefined for one that is not configured. */
  readonly sourcesOf: (bucket: string) => SourceReader | undefined
  readonly uploadsBucket: string
  readonly tools: VideoTools
  /** Bounds the work, together with that of the public routes. */
  readonly lane: Lane
  readonly maxBodyBytes: number
  /** Largest still image that is answered as base64. */
  readonly maxBase64Bytes: number
  readonly deadlineMs: number
}

const THUMBNAIL_QUALITY = 80
const framesSchema = z.discriminatedUnion('type', [uploadSchema, s3Schema])

/** The first frame of an uploaded video that decodes, as JPEG of its full size. */
export async function serveThumbnail(
  exchange: Exchange,
  options: InternalMediaOptions,
): Promise<Answer | Failure> {
  return answerInternal(exchange, options, async (signal) => {
    const body = await readJsonBody(exchange, uploadSchema, options.maxBodyBytes)
    if (isFailure(body)) return body
    const made = await withSource(options, options.uploadsBucket, body.upload_filename, signal, (source) =>
      thumbnailOf(source, options.tools, signal),
    )
    if (isFailure(made)) return isAboutMedia(made) ? fail('not-found', made.detail) : made
    return { bytes: made, contentType: 'image/jpeg' }
  })
}

interface FrameEntry {
  readonly timestamp: number
  readonly mime_type: string
  readonly base64: string
}

/** Three frames of a video or animation; the picture itself for a still one. */
export async function serveFrames(
  exchange: Exchange,
  options: InternalMediaOptions,
): Promise<Answer | Failure> {
  return answerInternal(exchange, options, async (signal) => {
    const body = await readJsonBody(exchange, framesSchema, options.maxBodyBytes)
    if (isFailure(body)) return body
    const [bucket, key] =
      body.type === 'upload' ? [options.uploadsBucket, body.upload_filename] : [body.bucket, body.key]
    const made = await withSource(options, bucket, key, signal, (source) => framesOf(source, options, signal))
    if (isFailure(made) && !isAboutMedia(made)) return made
    const json = JSON.stringify({ frames: isFailure(made) ? [] : made })
    return { bytes: Buffer.from(json), contentType: 'application/json' }
  })
}

interface InternalBody {
  readonly bytes: Uint8Array
  readonly contentType: string
}

/** The work under the deadline, and one answer that no cache keeps. */
async function answerInternal(
  exchange: Exchange,
  { deadlineMs }: Pick<InternalMediaOptions, 'deadlineMs'>,
  work: (signal: AbortSignal) => Promise<InternalBody | Failure>,
): Promise<Answer | Failure> {
  const made = await work(AbortSignal.any([exchange.signal, AbortSignal.timeout(deadlineMs)]))
  if (isFailure(made)) return made
  const headers = {
    'content-type': made.contentType,
    'content-length': String(made.bytes.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': exchange.requestId,
  }
  // The bytes never live in shared memory, which is all that the cast rules out.
  return { response: new Response(made.bytes as Uint8Array<ArrayBuffer>, { status: 200, headers }) }
}

/** Opens a source for as long as `use` runs in its lane. */
async function withSource<T>(
  { sourcesOf, lane }: InternalMediaOptions,
  bucket: string,
  key: string,
  signal: AbortSignal,
  use: (source: Source) => Promise<T | Failure>,
): Promise<T | Failure> {
  const sources = sourcesOf(bucket)
  if (sources === undefined) return fail('bad-field', 'bucket')
  const lease = sources.open({ keys: [key] })
  try {
    const source = await waitFor(lease.value, signal)
    if (isFailure(source)) return source
    return await waitFor(
      lane.run(signal, () => use(source)),
      signal,
    )
  } finally {
    lease.release()
  }
}

/** Failures that say something of the media rather than of the service. */
function isAboutMedia({ code }: Failure): boolean {
  return MEDIA_FAILURES.has(code)
}

const MEDIA_FAILURES: ReadonlySet<Failure['code']> = new Set([
  'undecodable',
  'unsupported-format',
  'unsupported-codec',
  'not-visual',
  'too-large-dimensions',
] as const)

async function thumbnailOf(
  { kind, parts }: Source,
  tools: VideoTools,
  signal: AbortSignal,
): Promise<Uint8Array | Failure> {
  if (kind?.kind !== 'video') return fail('undecodable', `content is ${kind?.format}`)
  const video = await openVideo(tools, parts, kind.format, signal)
  if (isFailure(video)) return video
  try {
    const frame = await video.readFrame(undefined)
    return isFailure(frame) ? frame : await jpegOf(frame)
  } finally {
    video.close()
  }
}

async function framesOf(
  source: Source,
  { tools, maxBase64Bytes }: InternalMediaOptions,
  signal: AbortSignal,
): Promise<readonly FrameEntry[] | Failure> {
  const { kind, bytes, parts } = source
  switch (kind?.kind) {
    case undefined:
    case 'audio':
      return fail('undecodable', `content is ${kind?.format}`)
    case 'image':
      return imageFrames(bytes, kind, tools, maxBase64Bytes)
    case 'video': {
      const video = await openVideo(tools, parts, kind.format, signal)
      if (isFailure(video)) return video
      try {
        const frames = await readThreeFrames(video)
        if (isFailure(frames)) return frames
        const entries: FrameEntry[] = []
        for (const frame of frames) {
          const jpeg = await jpegOf(frame)
          if (isFailure(jpeg)) return jpeg
          entries.push(jpegEntry(frame.timestampSeconds, jpeg))
        }
        return entries
      } finally {
        video.close()
      }
    }
  }
}

async function imageFrames(
  bytes: Uint8Array,
  kind: MediaKind & { readonly kind: 'image' },
  { limits }: VideoTools,
  maxBase64Bytes: number,
): Promise<readonly FrameEntry[] | Failure> {
  const facts = await inspectImage(bytes, kind.format, { limits, animated: true })
  if (isFailure(facts)) return facts
  if (facts.frames === 1) {
    if (bytes.length > maxBase64Bytes) return fail('source-too-large', `${bytes.length} bytes as base64`)
    return [{ timestamp: 0, mime_type: kind.mime, base64: Buffer.from(bytes).toString('base64') }]
  }
  const times = await animationTimes(bytes, facts)
  const entries: FrameEntry[] = []
  for (const moment of threeMoments(times.at(-1) ?? 0)) {
    const frame = frameAt(times, moment)
    const picture = await decodePicture(bytes, facts, {
      frame,
      maxSidePixels: Math.max(facts.width, facts.height),
      timeLeftMs: NO_TIME_LIMIT_MS,
    })
    const jpeg = isFailure(picture) ? picture : await jpegOf(picture)
    if (!isFailure(jpeg)) entries.push(jpegEntry(times[frame] ?? 0, jpeg))
  }
  return entries
}

function jpegEntry(timestampSeconds: number, jpeg: Uint8Array): FrameEntry {
  const timestamp = Math.round(timestampSeconds * 1000) / 1000
  return { timestamp, mime_type: 'image/jpeg', base64: Buffer.from(jpeg).toString('base64') }
}

const NO_TIME_LIMIT_MS = 3_600_000

function jpegOf(frame: RawPicture): Promise<Uint8Array | Failure> {
  const { width, height } = frame
  return renderRaw(frame, {
    plan: { width, height, mode: 'exact', gravity: 'centre' },
    format: 'jpeg',
    quality: THUMBNAIL_QUALITY,
    animated: false,
    timeLeftMs: NO_TIME_LIMIT_MS,
  })
}
