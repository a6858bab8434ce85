/**
 * `POST /_metadata`: everything that an API server needs to know about an upload, from reading it once
 * (contract, section 6).
 */

import { type OwnUrls, readMediaUrl } from '@media-proxy/shared/request/own-url.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { jsonResponse } from '@media-proxy/shared/response/plain.ts'
import type * as z from 'zod'
import type { MetadataAnswer } from '../api/answers.ts'
import { metadataSchema } from '../api/bodies.ts'
import { startDeadline } from '../concurrency/deadline.ts'
import { createSingleFlight, type Handle } from '../concurrency/single-flight.ts'
import { waitFor, waitForBoth } from '../concurrency/wait.ts'
import type { Engine, Examined } from '../engine/client.ts'
import { EXTRA_NAMES, type ExtraName } from '../engine/jobs.ts'
import { mediaKind } from '../media/kinds.ts'
import type { Scanner } from '../nsfw/scanner.ts'
import type { Verdict } from '../nsfw/score.ts'
import { locationOf } from '../rendition/spec.ts'
import { contentHash } from '../source/bytes/content-hash.ts'
import type { Source } from '../source/bytes/source.ts'
import { type SourceLocation, type SourceReader, sourceFromBytes } from '../source/reader.ts'
import { base64Answer } from './base64-answer.ts'
import type { Answer, Exchange } from './exchange.ts'
import { readJsonBody } from './internal-body.ts'

export interface MetadataOptions {
  /** Returns the sources of a bucket. Undefined for a bucket that is not configured. */
  readonly sourcesOf: (bucket: string) => SourceReader | undefined
  readonly uploadsBucket: string
  readonly publicBucket: string
  readonly ownUrls: OwnUrls
  readonly engine: Pick<Engine, 'examine'>
  readonly scanner: Scanner
  readonly maxBodyBytes: number
  readonly maxBase64Bytes: number
  readonly deadlineMs: number
}

export type ServeMetadata = (exchange: Exchange) => Promise<Answer | Failure>

type Metadata = Readonly<MetadataAnswer>

/** Creates the route. Concurrent equal requests for the same source share one examination. */
export function createMetadataRoute(options: MetadataOptions): ServeMetadata {
  const calls = createSingleFlight<Metadata | Failure>()
  return async (exchange) => {
    const body = await readJsonBody(exchange, metadataSchema, options.maxBodyBytes)
    if (isFailure(body)) return body
    using deadline = startDeadline(exchange.signal, options.deadlineMs)
    const { signal } = deadline
    const input = await inputOf(body, options)
    if (isFailure(input)) return input
    const start = async (callSignal: AbortSignal) => {
      using ofCall = startDeadline(callSignal, options.deadlineMs)
      return await examineSource(input, body, options, ofCall.signal)
    }
    const call = calls.join(input.name ?? `own//${crypto.randomUUID()}`, start)
    // Opened before the examination ends, so that the source does not have to be read again for its bytes.
    const held = body.with_base64 === true ? input.open() : undefined
    let streams = false
    try {
      const metadata = await waitFor(call.value, signal)
      if (isFailure(metadata)) return metadata
      if (held === undefined) return { response: jsonResponse(metadata, exchange) }
      const source = await waitFor(held.value, signal)
      if (isFailure(source)) return source
      streams = true
      return {
        response: base64Answer(metadata, source, exchange, () => held.release()),
        outcome: 'streamed',
      }
    } finally {
      call.release()
      if (!streams) held?.release()
    }
  }
}

type Body = z.output<typeof metadataSchema>

/** Whether a scan is requested, in either dialect of the body. A scan is the default. */
function wantsScan({ isNSFWAllowed, nsfw }: Body): boolean {
  return isNSFWAllowed !== true && nsfw !== 'allow'
}

/** Returns the requested extras, without duplicates and in a fixed order. */
function extrasOf({ extras = [], waveform }: Body): readonly ExtraName[] {
  return EXTRA_NAMES.filter((name) => extras.includes(name) || (name === 'waveform' && waveform === true))
}

/**
 * How to open the source. Requests with the same `name`
 * share one call. Undefined when the call cannot be shared.
 */
interface MetadataInput {
  readonly open: () => Handle<Source | Failure>
  readonly name: string | undefined
}

async function inputOf(body: Body, options: MetadataOptions): Promise<MetadataInput | Failure> {
  const extras = extrasOf(body).join(',')
  const answer = `${wantsScan(body)} ${body.with_base64 === true} ${extras} ${body.filename ?? ''}`
  const stored = (bucket: string, location: SourceLocation): MetadataInput | Failure => {
    const sources = options.sourcesOf(bucket)
    if (sources === undefined) return fail('bad-field', 'bucket')
    const name = JSON.stringify([bucket, location, answer])
    return { open: () => sources.open(location), name }
  }
  const external = (url: string): MetadataInput | Failure => {
    const named = readMediaUrl(url, options.ownUrls)
    if (named === 'no-media') return fail('address-rejected', 'no stored media of this service')
    return stored(options.publicBucket, 'stored' in named ? locationOf(named.stored) : named)
  }
  switch (body.type) {
    case 'upload':
      return stored(options.uploadsBucket, { keys: [body.upload_filename] })
    case 's3':
      return stored(body.bucket, { keys: [body.key] })
    case 'external':
      if (!/^https?:\/\//i.test(body.url) || !URL.canParse(body.url)) return fail('bad-field', 'url')
      return external(new URL(body.url).href)
    case 'base64': {
      const bytes = decodeBase64(body.base64)
      if (bytes === undefined) return fail('bad-field', 'base64')
      const source = await sourceFromBytes(bytes, body.filename)
      const handle = { value: Promise.resolve(source), leader: true, release: () => undefined }
      return { open: () => handle, name: undefined }
    }
  }
}

/** Decodes standard base64, padded or not, plain or in a data URL. Undefined for anything else. */
function decodeBase64(text: string): Uint8Array | undefined {
  const encoded = text.replace(/^data:[^,]{0,200};base64,/i, '')
  const unpadded = encoded.replace(/={1,2}$/, '')
  if (unpadded === '' || unpadded.length % 4 === 1 || !/^[A-Za-z0-9+/]+$/.test(unpadded)) return undefined
  return Buffer.from(unpadded, 'base64')
}

async function examineSource(
  input: MetadataInput,
  body: Body,
  options: MetadataOptions,
  signal: AbortSignal,
): Promise<Metadata | Failure> {
  const startedAt = performance.now()
  const handle = input.open()
  const hashing = new AbortController()
  let finished = false
  try {
    const source = await waitFor(handle.value, signal)
    if (isFailure(source)) return source
    if (body.with_base64 === true && source.parts.sizeBytes > options.maxBase64Bytes) {
      return fail('source-too-large', `${source.parts.sizeBytes} bytes as base64`)
    }
    const timeLeftMs = options.deadlineMs - (performance.now() - startedAt)
    const scan = options.scanner.enabled && wantsScan(body)
    const examination = { scan, extras: extrasOf(body) }
    const examining = options.engine.examine(source, examination, { timeLeftMs, signal })
    // The hash is computed during the examination: one waits for the network, the other for a CPU.
    const [examined, hash] = await waitForBoth(examining, contentHash(source, hashing.signal), signal)
    if (isFailure(examined)) return examined
    if (isFailure(hash)) return hash
    finished = true
    const verdict = await options.scanner.scan(hash, examined, signal)
    if (isFailure(verdict)) return verdict
    return describe(source, examined, hash, verdict)
  } finally {
    // The hash of a file that is rejected is not needed.
    hashing.abort()
    handle.release(finished)
  }
}

/** Builds the response. A field that does not apply is absent, never null. */
function describe(
  { parts }: Source,
  {
    format,
    size,
    durationSeconds,
    animated,
    placeholder,
    codecs,
    blurhash,
    palette,
    phash,
    waveform,
  }: Examined,
  hash: string,
  verdict: Verdict | undefined,
): Metadata {
  const { reportedAs, mime } = mediaKind(format)
  return {
    format: reportedAs ?? format,
    content_type: mime,
    content_hash: hash,
    size: parts.sizeBytes,
    ...size,
    ...(durationSeconds === undefined ? {} : { duration: wholeSeconds(durationSeconds) }),
    ...(placeholder === undefined ? {} : { placeholder }),
    ...(animated === undefined ? {} : { animated }),
    ...(codecs === undefined ? {} : { codecs }),
    ...(blurhash === undefined ? {} : { blurhash }),
    ...(palette === undefined ? {} : { palette }),
    ...(phash === undefined ? {} : { phash }),
    ...(waveform === undefined ? {} : { waveform }),
    nsfw: verdict?.nsfw ?? false,
    nsfw_probability: verdict?.probability ?? 0,
    nsfw_predictions: verdict?.predictions ?? {},
  }
}

/**
 * Containers round timestamps, Matroska to milliseconds: the difference of two of them may exceed the real
 * duration by this much, in seconds.
 */
const TIMESTAMP_ROUNDING_SECONDS = 0.002

/** Rounds a duration up to whole seconds. */
function wholeSeconds(seconds: number): number {
  const whole = Math.floor(seconds)
  return whole > 0 && seconds - whole < TIMESTAMP_ROUNDING_SECONDS ? whole : Math.ceil(seconds)
}
