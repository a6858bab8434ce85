import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { AttachmentRequest, FileRequest } from '@media-proxy/shared/request/media-request.ts'
import { fileNameOf, type ObjectKey } from '@media-proxy/shared/request/object-key.ts'
import type { RangeRequest } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { representationHeaders, withRangeUnit } from '@media-proxy/shared/response/finish.ts'
import {
  contentDisposition,
  dispositionType,
  type HeaderRecord,
  inertContentType,
  MEDIA_HEADERS,
  mediaCacheControl,
  mimeEssence,
} from '@media-proxy/shared/response/headers.ts'
import { storedContentType } from '@media-proxy/shared/response/stored-type.ts'
import { openConditionally } from '@media-proxy/shared/store/conditional-object.ts'
import { headResponse, objectResponse } from '@media-proxy/shared/store/object-response.ts'
import type { ObjectInfo, ObjectStore, StoredObject } from '@media-proxy/shared/store/store.ts'
import { isSvg } from '../media/sniff-svg.ts'
import { typeOfName } from '../media/type-of-name.ts'
import { peek, resumed } from '../streams/peek.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'

export interface StoredFileOptions {
  readonly store: ObjectStore
  readonly bucket: string
}

/** The result for an attachment that is an SVG. It is rasterised and never passed through. */
export const IS_SVG = Symbol('is an SVG')

/**
 * Streams an attachment unchanged, with support for ranges. Returns `IS_SVG` instead when the name, the
 * stored type or the content indicates an SVG and no download was requested.
 */
export async function serveAttachment(
  options: StoredFileOptions,
  request: AttachmentRequest,
  exchange: Exchange,
): Promise<Answer | typeof IS_SVG> {
  const fileName = fileNameOf(request.key)
  const mayBeSvg = !request.download
  if (mayBeSvg && isSvgType(typeOfName(fileName))) return IS_SVG
  return serveFile(options, request.key, exchange, {
    mayBeSvg,
    headers: (info) => attachmentHeaders(info, fileName, request.download),
  })
}

/** Streams a theme or an entrance sound. Its type follows from its name, whatever type was stored. */
export async function serveNamedFile(
  options: StoredFileOptions,
  request: FileRequest,
  exchange: Exchange,
): Promise<Answer> {
  const named = typeOfName(request.key) ?? 'application/octet-stream'
  const contentType = named === 'text/css' ? 'text/css; charset=utf-8' : named
  const answer = await serveFile(options, request.key, exchange, {
    mayBeSvg: false,
    headers: () => ({ 'content-type': contentType, 'cache-control': mediaCacheControl(contentType) }),
  })
  if (answer === IS_SVG) throw new Error('a file that cannot be an SVG was taken for one')
  return answer
}

interface FilePolicy {
  readonly mayBeSvg: boolean
  readonly headers: (info: ObjectInfo) => HeaderRecord
}

async function serveFile(
  { store, bucket }: StoredFileOptions,
  key: ObjectKey,
  exchange: Exchange,
  policy: FilePolicy,
): Promise<Answer | typeof IS_SVG> {
  const { requestId, signal } = exchange
  const get = (range?: RangeRequest) =>
    store.get(bucket, key, { signal, ...(range === undefined ? {} : { range }) })
  const suspect = (info: ObjectInfo) => policy.mayBeSvg && !isTimedMedia(typeOf(info, fileNameOf(key)))
  const headersOf = (info: ObjectInfo) =>
    representationHeaders({ ...info, headers: { ...MEDIA_HEADERS, ...policy.headers(info) } }, requestId)

  const outcome = await openConditionally({ head: () => store.head(bucket, key, signal), get }, exchange)
  if (isFailure(outcome)) return reject(withRangeUnit(outcome), requestId)
  if (outcome.kind !== 'opened') {
    const { kind, info } = outcome
    if (suspect(info) && (await startsAsSvg(info, get))) return IS_SVG
    switch (kind) {
      case 'precondition-failed':
        return reject(fail(kind), requestId)
      case 'not-modified':
        return { response: new Response(null, { status: 304, headers: headersOf(info) }), outcome: kind }
      case 'head':
        return { response: headResponse(info, headersOf(info)), outcome: 'streamed' }
    }
  }
  const { object } = outcome
  const opened = suspect(object.info) ? await detectSvg(object, get) : object
  if (opened === IS_SVG) return IS_SVG
  return { response: objectResponse(opened, headersOf(opened.info)), outcome: 'streamed' }
}

/** The number of bytes from the start of a file in which its root element is searched. */
const SVG_HEAD_BYTES = 4096

function headBytesOf({ sizeBytes = SVG_HEAD_BYTES }: ObjectInfo): number {
  return Math.min(SVG_HEAD_BYTES, sizeBytes)
}

type GetPart = (range: RangeRequest) => Promise<StoredObject | Failure>

/**
 * Returns the object with a body that is still complete, or `IS_SVG`. The start of a whole body is read from
 * it. For a range, the start has to be fetched separately.
 */
async function detectSvg(object: StoredObject, get: GetPart): Promise<StoredObject | typeof IS_SVG> {
  const { info, range, body } = object
  if (range !== undefined && (range.start > 0 || range.end + 1 < headBytesOf(info))) {
    if (!(await startsAsSvg(info, get))) return object
    await discardBody(body)
    return IS_SVG
  }
  const { head, rest } = await peek(body, SVG_HEAD_BYTES)
  if (!isSvgType(info.contentType) && !isSvg(head.subarray(0, SVG_HEAD_BYTES), false))
    return { ...object, body: resumed([head], rest) }
  await discardBody(rest)
  return IS_SVG
}

async function startsAsSvg(info: ObjectInfo, get: GetPart): Promise<boolean> {
  if (isSvgType(info.contentType)) return true
  if (info.sizeBytes === 0) return false
  const start = await get({ start: 0, end: SVG_HEAD_BYTES - 1 })
  if (isFailure(start)) return false
  const { head, rest } = await peek(start.body, SVG_HEAD_BYTES)
  await discardBody(rest)
  return isSvg(head.subarray(0, SVG_HEAD_BYTES), false)
}

function typeOf(info: ObjectInfo, fileName: string): string {
  return storedContentType(info.contentType, fileName, typeOfName)
}

function attachmentHeaders(info: ObjectInfo, fileName: string, download: boolean): HeaderRecord {
  const contentType = inertContentType(typeOf(info, fileName))
  return {
    'content-type': contentType,
    'cache-control': mediaCacheControl(contentType),
    'content-disposition': contentDisposition(dispositionType(contentType, download), fileName),
  }
}

function isTimedMedia(contentType: string): boolean {
  return /^(video|audio)\//i.test(contentType)
}

function isSvgType(contentType: string | null | undefined): boolean {
  return contentType != null && mimeEssence(contentType) === 'image/svg+xml'
}
