/**
 * Passes external media through unchanged: they are sniffed before the first byte is sent, then streamed,
 * with support for ranges.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { VerifiedExternal } from '@media-proxy/shared/request/media-request.ts'
import {
  type ByteRange,
  checkConditions,
  contentRange,
  type RangeRequest,
  requestedRange,
  strongEtag,
  type Validators,
} from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { finish, representationHeaders, withRangeUnit } from '@media-proxy/shared/response/finish.ts'
import {
  contentDisposition,
  dispositionType,
  fileNameOfUrl,
  type HeaderRecord,
  inertContentType,
  MEDIA_HEADERS,
  mediaCacheControl,
  withExtension,
} from '@media-proxy/shared/response/headers.ts'
import {
  formatLifetime,
  LIFETIME_HEADER,
  limitedCacheControl,
} from '@media-proxy/shared/response/lifetime.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { MediaKind } from '../media/kinds.ts'
import { SNIFF_BYTES, sniff } from '../media/sniff.ts'
import type { RangeSource } from '../source/bytes/ranges.ts'
import type { Source } from '../source/bytes/source.ts'
import type { ExternalFetch } from '../source/external/fetch.ts'
import { type ExternalResponse, isSameFile } from '../source/external/response.ts'
import { peek, resumed } from '../streams/peek.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'
import { IS_SVG } from './stored-files.ts'

/**
 * Streams external media to the client. The `Content-Type` of the upstream is ignored, because it could be
 * HTML. Returns `IS_SVG` when the content is an SVG and no download was requested.
 */
export async function serveExternalFile(
  external: ExternalFetch,
  request: VerifiedExternal,
  exchange: Exchange,
): Promise<Answer | typeof IS_SVG> {
  const opened =
    exchange.headers.has('range') && exchange.method === 'GET'
      ? await openPart(external, request, exchange)
      : await openWhole(external, request, exchange)
  if (isFailure(opened)) return reject(withRangeUnit(opened), exchange.requestId)
  const { kind, validators, response, body } = opened
  if (kind.format === 'svg' && !request.download) {
    await discardBody(body)
    return IS_SVG
  }
  const headers = representationHeaders(
    { ...validators, headers: { ...MEDIA_HEADERS, ...headersOf(kind, request), ...lifetimeOf(response) } },
    exchange.requestId,
  )
  const verdict = checkConditions(exchange.headers, validators)
  if (verdict !== undefined) {
    await discardBody(body)
    if (verdict === 'precondition-failed') return reject(fail(verdict), exchange.requestId)
    return { response: new Response(null, { status: 304, headers }), outcome: 'not-modified' }
  }
  const { range, sizeBytes } = response
  if (range !== undefined) {
    headers['content-length'] = String(range.end - range.start + 1)
    headers['content-range'] = contentRange(range, sizeBytes)
    return { response: new Response(body, { status: 206, headers }), outcome: 'streamed' }
  }
  if (sizeBytes !== undefined) headers['content-length'] = String(sizeBytes)
  if (exchange.method === 'HEAD') {
    await discardBody(body)
    return { response: new Response(null, { headers }), outcome: 'streamed' }
  }
  return { response: new Response(body, { headers }), outcome: 'streamed' }
}

/**
 * Serves external media from the source that was scanned. A second fetch might return other bytes, which were
 * not scanned. `release` is called once the source is no longer read.
 */
export function serveReadExternal(
  { kind, info, parts }: Source,
  request: VerifiedExternal,
  exchange: Exchange,
  release: () => void,
): Answer | typeof IS_SVG {
  if (kind === undefined) {
    release()
    return reject(NO_MEDIA, exchange.requestId)
  }
  if (kind.format === 'svg' && !request.download) return IS_SVG
  const representation = {
    etag: info.etag,
    lastModified: info.lastModified,
    sizeBytes: parts.sizeBytes,
    headers: { ...MEDIA_HEADERS, ...headersOf(kind, request), ...lifetimeOf(info) },
  }
  let isRead = false
  const response = finish(exchange, representation, (range) => {
    isRead = true
    return streamOf(parts, range ?? { start: 0, end: parts.sizeBytes - 1 }, release)
  })
  if (!isRead) release()
  return { response, outcome: response.status === 304 ? 'not-modified' : 'streamed' }
}

interface Opened {
  readonly kind: MediaKind
  readonly validators: Validators
  readonly response: ExternalResponse
  /** The complete body of `response`, not read yet. */
  readonly body: ReadableStream<Uint8Array>
}

async function openWhole(
  external: ExternalFetch,
  { url }: VerifiedExternal,
  { signal }: Exchange,
): Promise<Opened | Failure> {
  const response = await external.open(url, { signal })
  return isFailure(response) ? response : sniffResponse(url, response)
}

/**
 * Opens the requested range. The type of the file cannot be determined from a part of it, so the first bytes
 * are fetched with a separate small request.
 */
async function openPart(
  external: ExternalFetch,
  request: VerifiedExternal,
  { headers, signal }: Exchange,
): Promise<Opened | Failure> {
  const start = await external.open(request.url, { range: { start: 0, end: SNIFF_BYTES - 1 }, signal })
  if (isFailure(start)) return start
  const opened = await sniffResponse(request.url, start)
  // The upstream ignores ranges and has sent the whole file.
  if (isFailure(opened) || start.range === undefined) return opened
  // The conditions decide the response, so the range is not needed.
  if (checkConditions(headers, opened.validators) !== undefined) return opened
  await discardBody(opened.body)
  const range: RangeRequest | undefined = requestedRange(headers, opened.validators)
  const response = await external.open(request.url, { signal, ...(range === undefined ? {} : { range }) })
  if (isFailure(response)) return response
  const { body } = response
  if (response.range === undefined) {
    return { ...opened, validators: await validatorsOf(request.url, response), response, body }
  }
  if (isSameFile(response, start)) return { ...opened, response, body }
  // The file was replaced in between, or several servers behind the upstream disagree. The part cannot be
  // attributed to a known version, so no validators are sent.
  if (!headers.has('if-range')) return { ...opened, validators: NO_VALIDATORS, response, body }
  await discardBody(body)
  return fail('external-unreachable', 'the external server sent another file than before')
}

const NO_VALIDATORS: Validators = { etag: undefined, lastModified: undefined }

async function sniffResponse(url: string, response: ExternalResponse): Promise<Opened | Failure> {
  const { head, rest } = await peek(response.body, SNIFF_BYTES)
  const kind = await sniff(head, fileNameOfUrl(url))
  if (kind === undefined) {
    await discardBody(rest)
    return NO_MEDIA
  }
  return { kind, validators: await validatorsOf(url, response), response, body: resumed([head], rest) }
}

async function validatorsOf(url: string, { etag, lastModified }: ExternalResponse): Promise<Validators> {
  return { etag: etag === undefined ? undefined : await strongEtag(url, etag), lastModified }
}

function headersOf(kind: MediaKind, { url, download }: VerifiedExternal): HeaderRecord {
  const contentType = inertContentType(kind.mime)
  return {
    'content-type': contentType,
    'cache-control': mediaCacheControl(contentType),
    'content-disposition': contentDisposition(dispositionType(contentType, download), nameOf(url, kind)),
  }
}

function lifetimeOf({ lifetimeSeconds }: { readonly lifetimeSeconds?: number | undefined }): HeaderRecord {
  return lifetimeSeconds === undefined
    ? {}
    : {
        'cache-control': limitedCacheControl(lifetimeSeconds),
        [LIFETIME_HEADER]: formatLifetime({ seconds: lifetimeSeconds, mustRevalidate: false }),
      }
}

const NO_MEDIA = fail('unsupported-format', 'the first bytes are of no accepted type')
/** The number of bytes per read. */
const CHUNK_BYTES = 256 * 1024

function streamOf(
  parts: RangeSource,
  { start, end }: ByteRange,
  release: () => void,
): ReadableStream<Uint8Array> {
  let at = start
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (at > end) {
          controller.close()
          release()
          return
        }
        const part = await parts.read(at, Math.min(at + CHUNK_BYTES, end + 1)).catch((error: unknown) => {
          release()
          throw error
        })
        if (isFailure(part)) {
          release()
          throw new BodyError(part)
        }
        at += part.length
        controller.enqueue(part)
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  )
}

/** Returns the file name of the URL, with an extension that matches the content. */
function nameOf(url: string, kind: MediaKind): string {
  const name = fileNameOfUrl(url) || 'file'
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase()
  return extension !== undefined && kind.extensions.includes(extension)
    ? name
    : withExtension(name, kind.extensions[0])
}
