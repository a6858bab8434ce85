/**
 * The format of a finished rendition in the bucket `renditions`: a line of JSON, then its bytes. The object
 * is self-contained, so that every kind of store can hold it and both the edge and the origin can read it.
 */

import * as z from 'zod'
import { encodeHex } from '../encoding/hex.ts'
import { RENDITION_FORMATS } from '../formats.ts'
import type { CanonicalUrl } from '../request/canonical.ts'
import type { SourceName } from '../request/purge.ts'

const headSchema = z.object({
  format: z.enum(RENDITION_FORMATS),
  /** Identifies source, request and renderer. An object with another ETag than expected is outdated. */
  etag: z.string(),
  lastModified: z.number().optional(),
  nsfwProbability: z.number().optional(),
  spriteIntervalSeconds: z.number().optional(),
  sourceKey: z.string(),
  sourceEtag: z.string(),
})

export type RenditionHead = z.output<typeof headSchema>

export interface RenditionObject {
  readonly head: RenditionHead
  readonly bytes: Uint8Array<ArrayBuffer>
}

const NEWLINE = 0x0a
/** The largest line of JSON, in bytes. */
export const MAX_HEAD_BYTES = 8192

/** Returns the folder of all renditions of a source. */
export async function renditionFolder(sourceName: SourceName): Promise<string> {
  return `${await hashOf(sourceName)}/`
}

/** Returns the key of a rendition. */
export async function renditionKey(sourceName: SourceName, url: CanonicalUrl): Promise<string> {
  return (await renditionFolder(sourceName)) + (await hashOf(url))
}

/** Encodes a rendition as an object: a line of JSON, then the bytes. */
export function encodeRendition(head: RenditionHead, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`)
  const object = new Uint8Array(line.length + bytes.length)
  object.set(line)
  object.set(bytes, line.length)
  return object
}

/** Parses a rendition object. Undefined for any other object. */
export function decodeRendition(object: Uint8Array<ArrayBuffer>): RenditionObject | undefined {
  const end = object.subarray(0, MAX_HEAD_BYTES).indexOf(NEWLINE)
  if (end === -1) return undefined
  try {
    const head = headSchema.safeParse(JSON.parse(new TextDecoder().decode(object.subarray(0, end))))
    return head.success ? { head: head.data, bytes: object.subarray(end + 1) } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return encodeHex(new Uint8Array(digest))
}
