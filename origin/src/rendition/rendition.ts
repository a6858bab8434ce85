import type { RenditionFormat } from '@media-proxy/shared/formats.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'

/** What a request made of a source, ready to be answered. */
export interface Rendition {
  readonly bytes: Uint8Array
  readonly format: RenditionFormat
  /** Of the rendition: quoted and strong. */
  readonly etag: string
  readonly lastModified: Date | undefined
  /** How long the server of its source lets it be kept, in seconds. */
  readonly lifeSeconds?: number
  /** How likely the source is not safe for work, 0..1, where that was looked at. */
  readonly nsfwProbability?: number
  /** Its source was to be looked at, which failed: it is answered, and not kept. */
  readonly unjudged?: boolean
  /** Of a sheet of frames: seconds from one to the next. */
  readonly spriteIntervalSeconds?: number
  /** What a purge calls its source. */
  readonly sourceName: SourceName
  /** The object or URL it was made of, and that source's validator. */
  readonly sourceKey: string
  readonly sourceEtag: string
}
