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
}

export interface StoredRenditions {
  find(request: SourceRequest, url: CanonicalUrl): Promise<StoredRendition | undefined>
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
    async find(request, url) {
      if (request.kind === 'file') return undefined
      const object = await bucket.get(await renditionKey(sourceNameOf(request), url))
      if (object === null || now() - object.uploaded.getTime() > freshSeconds * 1000) return undefined
      const rendition = decodeRendition(new Uint8Array(await object.arrayBuffer()))
      if (rendition === undefined) return undefined
      const { head, bytes } = rendition
      return {
        bytes,
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
