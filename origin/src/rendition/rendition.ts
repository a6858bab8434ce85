import type { ImageFormat } from '@media-proxy/shared/formats.ts'

/** What a request made of a source, ready to be answered. */
export interface Rendition {
  readonly bytes: Uint8Array
  readonly format: ImageFormat
  /** Of the rendition: quoted and strong. */
  readonly etag: string
  readonly lastModified: Date
  /** The object it was made of, and that object's validator. */
  readonly sourceKey: string
  readonly sourceEtag: string
}
