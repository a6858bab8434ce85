/**
 * A finished rendition as an object in the bucket `renditions`: a line of JSON, then its bytes. Self-contained, so
 * that every kind of store can hold it, and both doors can read it.
 */

import * as z from 'zod'
import { RENDITION_FORMATS } from '../formats.ts'
import type { CanonicalUrl } from '../request/canonical.ts'
import type { SourceName } from '../request/purge.ts'

const headSchema = z.object({
  format: z.enum(RENDITION_FORMATS),
  /** Names source, request and renderer: an object with another one than is expected is out of date. */
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
/** Longest line of JSON. */
export const MAX_HEAD_BYTES = 8192

/** The folder of everything that was made of a source. */
export async function renditionFolder(sourceName: SourceName): Promise<string> {
  return `${await hashOf(sourceName)}/`
}

/** The key of one rendition. */
export async function renditionKey(sourceName: SourceName, url: CanonicalUrl): Promise<string> {
  return (await renditionFolder(sourceName)) + (await hashOf(url))
}

export function encodeRendition(head: RenditionHead, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`)
  const object = new Uint8Array(line.length + bytes.length)
  object.set(line)
  object.set(bytes, line.length)
  return object
}

/** Undefined for what is no rendition object. */
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
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
