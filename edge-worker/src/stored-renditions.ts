/**
 * Reads finished renditions directly from the bucket that the origins share, if it is bound to the worker.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { renditionHeaders } from '@media-proxy/shared/response/rendition.ts'
import { decodeRendition, renditionKey } from '@media-proxy/shared/store/rendition-object.ts'

export interface StoredRendition {
  /** The headers of the origin's response, including validators and length. */
  readonly headers: HeaderRecord
  readonly bytes: Uint8Array<ArrayBuffer>
  /** In milliseconds since the epoch. */
  readonly writtenAt: number
}

/** The largest rendition that is read here. The origin, which has more memory, reads larger ones. */
const MAX_BYTES = 8 * 1024 * 1024

export interface StoredRenditions {
  /** Returns a fresh rendition that was written after `purgedAt`, in milliseconds since the epoch. */
  find(request: SourceRequest, url: CanonicalUrl, purgedAt: number): Promise<StoredRendition | undefined>
}

export interface StoredRenditionsOptions {
  readonly bucket: R2Bucket
  /** The age at which an object must be revalidated with the origin, as in the cache. */
  readonly freshSeconds: number
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

export function createStoredRenditions({
  bucket,
  freshSeconds,
  now,
}: StoredRenditionsOptions): StoredRenditions {
  return {
    async find(request, url, purgedAt) {
      // Renditions are stored only for objects in the store.
      if (request.kind === 'file' || request.kind === 'verified-external') return undefined
      const object = await bucket.get(await renditionKey(sourceNameOf(request), url))
      if (object === null) return undefined
      const writtenAt = object.uploaded.getTime()
      const isFresh = writtenAt > purgedAt && now() - writtenAt <= freshSeconds * 1000
      if (!isFresh || object.size > MAX_BYTES) {
        await discardBody(object.body)
        return undefined
      }
      const rendition = decodeRendition(new Uint8Array(await object.arrayBuffer()))
      if (rendition === undefined) return undefined
      const { head, bytes } = rendition
      return {
        bytes,
        writtenAt,
        headers: {
          ...renditionHeaders(request, head),
          etag: head.etag,
          'content-length': String(bytes.length),
          ...(head.lastModified === undefined
            ? {}
            : { 'last-modified': new Date(head.lastModified).toUTCString() }),
        },
      }
    },
  }
}
