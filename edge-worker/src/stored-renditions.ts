/** Finished renditions that the origins share, read straight from their bucket where it is bound to the worker. */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { renditionHeaders } from '@media-proxy/shared/response/rendition.ts'
import { decodeRendition, renditionKey } from '@media-proxy/shared/store/rendition-object.ts'

export interface StoredRendition {
  /** As the origin would answer it, validators and length among them. */
  readonly headers: HeaderRecord
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Milliseconds since the epoch. */
  readonly writtenAt: number
}

/** Larger ones are read by the origin, which has more memory than an isolate. */
const MOST_BYTES = 8 * 1024 * 1024

export interface StoredRenditions {
  /** One that was written after `purgedAt`, in milliseconds since the epoch, and not long ago. */
  find(request: SourceRequest, url: CanonicalUrl, purgedAt: number): Promise<StoredRendition | undefined>
}

export interface StoredRenditionsOptions {
  readonly bucket: R2Bucket
  /** An older object is not believed without asking the origin, like an older copy in the cache. */
  readonly freshSeconds: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function createStoredRenditions({
  bucket,
  freshSeconds,
  now,
}: StoredRenditionsOptions): StoredRenditions {
  return {
    async find(request, url, purgedAt) {
      // Only of stored objects renditions are stored.
      if (request.kind === 'file' || request.kind === 'verified-external') return undefined
      const object = await bucket.get(await renditionKey(sourceNameOf(request), url))
      if (object === null) return undefined
      const writtenAt = object.uploaded.getTime()
      const isFresh = writtenAt > purgedAt && now() - writtenAt <= freshSeconds * 1000
      if (!isFresh || object.size > MOST_BYTES) {
        await object.body.cancel()
        return undefined
      }
      const rendition = decodeRendition(new Uint8Array(await object.arrayBuffer()))
      if (rendition === undefined) return undefined
      const { head, bytes } = rendition
      return {
        ...{ bytes, writtenAt },
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
