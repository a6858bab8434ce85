import type { RenditionFormat } from '@media-proxy/shared/formats.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'

/** A rendition: the result of a request, ready to be sent. */
export interface Rendition {
  readonly bytes: Uint8Array
  readonly format: RenditionFormat
  /** The ETag of the rendition, strong and quoted. */
  readonly etag: string
  readonly lastModified: Date | undefined
  /** How long the server of the source allows it to be cached, in seconds. */
  readonly lifetimeSeconds?: number
  /** The probability that the source is not safe for work, 0 to 1. Undefined when it was not scanned. */
  readonly nsfwProbability?: number
  /** Set when the scan of the source failed. The rendition is sent but not cached. */
  readonly unscanned?: boolean
  /** The time between two frames of a sprite sheet, in seconds. */
  readonly spriteIntervalSeconds?: number
  /** The name of the source in purge requests. */
  readonly sourceName: SourceName
  /** The object key or URL of the source. `sourceEtag` is the validator of that source. */
  readonly sourceKey: string
  readonly sourceEtag: string
}
