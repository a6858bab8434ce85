/**
 * `POST /_sniff`: the type of an upload by its first bytes, for API servers that do not trust the type that a
 * client declares.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { fileNameOf, type ObjectKey } from '@media-proxy/shared/request/object-key.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { jsonResponse } from '@media-proxy/shared/response/plain.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { SniffAnswer } from '../api/answers.ts'
import { sniffSchema } from '../api/bodies.ts'
import { endOfTags, ID3_HEAD_BYTES, mayBeTagged } from '../media/id3.ts'
import type { MediaKind } from '../media/kinds.ts'
import { sniff } from '../media/sniff.ts'
import { peek } from '../streams/peek.ts'
import type { Answer, Exchange } from './exchange.ts'
import { readJsonBody } from './internal-body.ts'

export interface SniffOptions {
  readonly store: Pick<ObjectStore, 'get'>
  readonly uploadsBucket: string
  readonly maxBodyBytes: number
}

const HEAD_BYTES = 8 * 1024

/**
 * Returns the MIME type of an upload. It is null for a format that is not accepted, and for an SVG, which is
 * never served as one.
 */
export async function serveSniff(
  exchange: Exchange,
  { store, uploadsBucket, maxBodyBytes }: SniffOptions,
): Promise<Answer | Failure> {
  const body = await readJsonBody(exchange, sniffSchema, maxBodyBytes)
  if (isFailure(body)) return body
  const key = body.upload_filename
  const kind = await sniffObject({ store, bucket: uploadsBucket, key, signal: exchange.signal })
  if (isFailure(kind)) return kind
  const contentType = kind === undefined || kind.format === 'svg' ? null : kind.mime
  const answer: SniffAnswer = { content_type: contentType }
  return { response: jsonResponse(answer, exchange) }
}

interface SniffedObject {
  readonly store: Pick<ObjectStore, 'get'>
  readonly bucket: string
  readonly key: ObjectKey
  readonly signal: AbortSignal
}

/** Returns the kind of an object. Behind a tag that fills the first bytes, the bytes after it are read, too. */
async function sniffObject(object: SniffedObject): Promise<MediaKind | undefined | Failure> {
  const head = await readBytes(object, 0)
  if (isFailure(head)) return head
  const kind = await sniff(head, fileNameOf(object.key))
  const start = endOfTags(head)
  if (kind === undefined || start === 0 || start + ID3_HEAD_BYTES <= head.length) return kind
  const behind = await readBytes(object, start)
  if (isFailure(behind)) return behind
  const kindBehind = await sniff(behind)
  return kindBehind !== undefined && mayBeTagged(kindBehind.format) ? kindBehind : kind
}

async function readBytes(
  { store, bucket, key, signal }: SniffedObject,
  start: number,
): Promise<Uint8Array | Failure> {
  const object = await store.get(bucket, key, { range: { start, end: start + HEAD_BYTES - 1 }, signal })
  if (isFailure(object)) return object.code === 'range-not-satisfiable' ? new Uint8Array() : object
  const { head, rest } = await peek(object.body, HEAD_BYTES)
  await discardBody(rest)
  return head.subarray(0, HEAD_BYTES)
}
