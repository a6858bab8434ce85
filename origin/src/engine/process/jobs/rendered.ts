import type { RenditionFormat } from '@media-proxy/shared/formats.ts'

export interface Rendered {
  readonly kind: 'rendered'
  readonly format: RenditionFormat
  /** Undefined when the source itself is the rendition. */
  readonly bytes: Uint8Array | undefined
  /** Sprite sheets only: the seconds from one frame to the next. */
  readonly spriteIntervalSeconds?: number
}
