/**
 * `POST /_thumbnail` and `POST /_frames`: still images for callers that know the internal secret. The
 * responses are never cached.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FramesAnswer } from '../api/answers.ts'
import { framesSchema, uploadSchema } from '../api/bodies.ts'
import { startDeadline } from '../concurrency/deadline.ts'
import { waitFor } from '../concurrency/wait.ts'
import type { Engine, FrameFile, JobTime } from '../engine/client.ts'
import { FULL_SIZE, type RenderOptions } from '../engine/render-options.ts'
import { shownKind } from '../media/kinds.ts'
import type { Source } from '../source/bytes/source.ts'
import type { SourceReader } from '../source/reader.ts'
import type { Answer, Exchange } from './exchange.ts'
import { readJsonBody } from './internal-body.ts'

export interface InternalMediaOptions {
  /** Returns the sources of a bucket. Undefined for a bucket that is not configured. */
  readonly sourcesOf: (bucket: string) => SourceReader | undefined
  readonly uploadsBucket: string
  readonly engine: Engine
  readonly maxBodyBytes: number
  /** The largest still image that is returned as base64, in bytes. */
  readonly maxBase64Bytes: number
  readonly deadlineMs: number
}

/** The first shown frame, at its full size. */
const THUMBNAIL: RenderOptions = {
  geometry: FULL_SIZE,
  format: 'jpeg',
  quality: 80,
  isQualityRequested: true,
  animated: false,
  imagesOnly: false,
}

/** Returns the first frame of an uploaded video that can be decoded, as a full-size JPEG. */
export async function serveThumbnail(
  exchange: Exchange,
  options: InternalMediaOptions,
): Promise<Answer | Failure> {
  return answerInternal(exchange, options, async (time) => {
    const body = await readJsonBody(exchange, uploadSchema, options.maxBodyBytes)
    if (isFailure(body)) return body
    const made = await withSource(
      options,
      { bucket: options.uploadsBucket, key: body.upload_filename },
      time.signal,
      (source) =>
        shownKind(source.kind)?.kind === 'video'
          ? options.engine.render(source, THUMBNAIL, time)
          : fail('undecodable', `content is ${source.kind?.format}`),
    )
    if (isFailure(made)) return isAboutMedia(made) ? fail('not-found', made.detail) : made
    return { bytes: made.bytes, contentType: 'image/jpeg' }
  })
}

/** Returns three frames of a video or an animation, or a still image itself. */
export async function serveFrames(
  exchange: Exchange,
  options: InternalMediaOptions,
): Promise<Answer | Failure> {
  return answerInternal(exchange, options, async (time) => {
    const body = await readJsonBody(exchange, framesSchema, options.maxBodyBytes)
    if (isFailure(body)) return body
    const object =
      body.type === 'upload' ? { bucket: options.uploadsBucket, key: body.upload_filename } : body
    const files = await withSource(options, object, time.signal, (source) =>
      options.engine.readFrames(source, time),
    )
    if (isFailure(files) && !isAboutMedia(files)) return files
    const tooLarge = isFailure(files)
      ? undefined
      : files.find(({ bytes }) => bytes.length > options.maxBase64Bytes)
    if (tooLarge !== undefined) return fail('source-too-large', `${tooLarge.bytes.length} bytes as base64`)
    const answer: FramesAnswer = { frames: isFailure(files) ? [] : files.map(frameEntry) }
    return { bytes: Buffer.from(JSON.stringify(answer)), contentType: 'application/json' }
  })
}

function frameEntry({ timestampSeconds, mime, bytes }: FrameFile) {
  return {
    timestamp: Math.round(timestampSeconds * 1000) / 1000,
    mime_type: mime,
    base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
  }
}

interface InternalBody {
  readonly bytes: Uint8Array
  readonly contentType: string
}

/** Runs the work under the deadline and returns its result as a response that is never cached. */
async function answerInternal(
  exchange: Exchange,
  { deadlineMs }: Pick<InternalMediaOptions, 'deadlineMs'>,
  work: (time: JobTime) => Promise<InternalBody | Failure>,
): Promise<Answer | Failure> {
  using deadline = startDeadline(exchange.signal, deadlineMs)
  const made = await work({ signal: deadline.signal, timeLeftMs: deadlineMs })
  if (isFailure(made)) return made
  const headers = {
    'content-type': made.contentType,
    'content-length': String(made.bytes.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': exchange.requestId,
  }
  // The bytes are never in shared memory. That is the only case that this cast excludes.
  return { response: new Response(made.bytes as Uint8Array<ArrayBuffer>, { status: 200, headers }) }
}

/** Opens a source while `use` runs. */
async function withSource<T>(
  { sourcesOf }: InternalMediaOptions,
  { bucket, key }: { readonly bucket: string; readonly key: string },
  signal: AbortSignal,
  use: (source: Source) => Promise<T | Failure> | Failure,
): Promise<T | Failure> {
  const sources = sourcesOf(bucket)
  if (sources === undefined) return fail('bad-field', 'bucket')
  const handle = sources.open({ keys: [key] })
  try {
    const source = await waitFor(handle.value, signal)
    return isFailure(source) ? source : await use(source)
  } finally {
    handle.release()
  }
}

/** Whether a failure is about the media rather than about the service. */
function isAboutMedia({ code }: Failure): boolean {
  return MEDIA_FAILURES.has(code)
}

const MEDIA_FAILURES: ReadonlySet<Failure['code']> = new Set([
  'undecodable',
  'unsupported-format',
  'unsupported-codec',
  'not-visual',
  'too-large-dimensions',
  'too-many-frames',
] as const)
