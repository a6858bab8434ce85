import type { RenditionFormat } from '@media-proxy/shared/formats.ts'

export interface Rendered {
  readonly kind: 'rendered'
  readonly format: RenditionFormat
  /** Undefined where the source itself is the rendition. */
  readonly bytes: Uint8Array | undefined
  /** Of a sheet of frames: seconds from one to the next. */
  readonly spriteIntervalSeconds?: number
}
