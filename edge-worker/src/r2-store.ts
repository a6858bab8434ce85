import { resolveRange } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure, rangeNotSatisfiable } from '@media-proxy/shared/response/failure.ts'
import {
  decodeObjects,
  type EncodedInfo,
  type EncodedObjects,
} from '@media-proxy/shared/store/coding/decoded-objects.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { watchBody } from '@media-proxy/shared/store/watched-body.ts'
import { LateError, within } from './within.ts'

export interface R2StoreOptions {
  /** The largest decoded size of an object, in bytes. */
  readonly maxDecodedBytes: number
  /** The timeout for a response of the bucket, and for each chunk of a body, in milliseconds. */
  readonly timeoutMs: number
}

/** Creates a store for a bucket that is bound to the worker. The names of buckets are ignored. */
export function createR2Store(
  bucket: R2Bucket,
  { maxDecodedBytes, timeoutMs }: R2StoreOptions,
): Pick<ObjectStore, 'head' | 'get' | 'check'> {
  const objects = encodedObjects(bucket, timeoutMs, async (call) => {
    try {
      return (await within(timeoutMs, call)) ?? fail('not-found')
    } catch (error) {
      return fail(error instanceof LateError ? 'store-timeout' : 'store-unreachable', String(error))
    }
  })
  return {
    ...decodeObjects(objects, { maxBytes: maxDecodedBytes }),

    async check(name) {
      const found = await objects.head(name, 'media-proxy-readiness-probe')
      return isFailure(found) && found.code !== 'not-found' ? found : undefined
    },
  }
}

/** Converts a result of the bucket to that of a store. */
type Answer = <T>(call: Promise<T | null>) => Promise<T | Failure>

/** How often an object may be replaced while a part of it is read. */
const MAX_REPLACEMENTS = 3

function encodedObjects(bucket: R2Bucket, timeoutMs: number, answer: Answer): EncodedObjects {
  return {
    async head(_, key) {
      const object = await answer(bucket.head(key))
      return isFailure(object) ? object : infoOf(object)
    },

    async get(_, key, { range } = {}) {
      if (range === undefined) {
        const object = await answer(bucket.get(key))
        return isFailure(object) ? object : { info: infoOf(object), body: watchBody(object.body, timeoutMs) }
      }
      for (let replaced = 0; replaced < MAX_REPLACEMENTS; replaced += 1) {
        // For a range beyond the end, the bucket silently returns the whole object, so the size is read
        // first.
        const known = await answer(bucket.head(key))
        if (isFailure(known)) return known
        const part = resolveRange(range, known.size)
        if (part === 'unsatisfiable') {
          return rangeNotSatisfiable(known.size)
        }
        const object = await answer(
          bucket.get(key, {
            range: { offset: part.start, length: part.end - part.start + 1 },
            onlyIf: { etagMatches: known.etag },
          }),
        )
        if (isFailure(object)) return object
        // Without a body, the object was replaced between the two requests, and the size may be different.
        if ('body' in object)
          return { info: infoOf(object), range: part, body: watchBody(object.body, timeoutMs) }
      }
      return fail('store-unreachable', 'the object changed during each read')
    },
  }
}

function infoOf(object: R2Object): EncodedInfo {
  const { contentEncoding, ...metadata } = object.httpMetadata ?? {}
  const [contentType, cacheControl] = [headerText(metadata.contentType), headerText(metadata.cacheControl)]
  return {
    sizeBytes: object.size,
    etag: object.httpEtag,
    lastModified: object.uploaded,
    ...(contentType === undefined ? {} : { contentType }),
    ...(cacheControl === undefined ? {} : { cacheControl }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  }
}

/**
 * Returns a stored header value. Undefined when it is not a valid header value, which buckets do not check.
 */
function headerText(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' || /[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)
    ? undefined
    : text
}
