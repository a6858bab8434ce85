import { resolveRange } from '@media-proxy/shared/response/conditional.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'
import {
  decodeObjects,
  type EncodedInfo,
  type EncodedObjects,
} from '@media-proxy/shared/store/coding/decoded-objects.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'

/** A bucket that is bound to the worker, as a store; the bucket's name is the binding's. */
export function createR2Store(
  bucket: R2Bucket,
  maxDecodedBytes: number,
): Pick<ObjectStore, 'head' | 'get' | 'check'> {
  return {
    ...decodeObjects(encodedObjects(bucket), { maxBytes: maxDecodedBytes }),

    async check() {
      try {
        await bucket.head('media-proxy-readiness-probe')
        return undefined
      } catch (error) {
        return fail('store-unreachable', String(error))
      }
    },
  }
}

function encodedObjects(bucket: R2Bucket): EncodedObjects {
  return {
    async head(_, key) {
      const object = await bucket.head(key)
      return object === null ? fail('not-found') : infoOf(object)
    },

    async get(_, key, { range } = {}) {
      if (range === undefined) {
        const object = await bucket.get(key)
        return object === null ? fail('not-found') : { info: infoOf(object), body: object.body }
      }
      // A range behind the end would give the whole object without a word, so the size is asked for first.
      const known = await bucket.head(key)
      if (known === null) return fail('not-found')
      const part = resolveRange(range, known.size)
      if (part === 'unsatisfiable') {
        return fail('range-not-satisfiable', undefined, { 'content-range': `bytes */${known.size}` })
      }
      const object = await bucket.get(key, {
        range: { offset: part.start, length: part.end - part.start + 1 },
        onlyIf: { etagMatches: known.etag },
      })
      if (object === null) return fail('not-found')
      // Without a body the object was replaced between the two questions: then its size is another.
      if (!('body' in object)) return fail('store-unreachable', 'the object changed while it was read')
      return { info: infoOf(object), range: part, body: object.body }
    },
  }
}

function infoOf(object: R2Object): EncodedInfo {
  const { contentType, cacheControl, contentEncoding } = object.httpMetadata ?? {}
  return {
    sizeBytes: object.size,
    etag: object.httpEtag,
    lastModified: object.uploaded,
    ...(contentType === undefined ? {} : { contentType }),
    ...(cacheControl === undefined ? {} : { cacheControl }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  }
}
