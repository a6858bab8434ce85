import type { ImageFormat as SourceFormat } from '../../../media/kinds.ts'
import { riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './riff.ts'

/** Tells whether a WebP is lossless: its first bitstream, also that of an animation's first frame, is `VP8L`. */
export function isLosslessWebp(bytes: Uint8Array): boolean {
  return firstBitstream(bytes, WEBP_HEADER_BYTES) === 'VP8L'
}

/**
 * Tells whether a picture may turn out broken when it is decoded, and only then, so that nothing is shown of it: pixels or
 * alpha of a WebP that are coded without loss. Other decoders go on, or their files are mended.
 */
export function mayBeBroken(bytes: Uint8Array, format: SourceFormat): boolean {
  return format === 'webp' && (isLosslessWebp(bytes) || hasCodedAlpha(bytes, WEBP_HEADER_BYTES))
}

function hasCodedAlpha(bytes: Uint8Array, start: number): boolean {
  for (const { id, data } of riffChunks(bytes, start)) {
    if (id === 'ALPH') return true
    if (id === 'ANMF') return hasCodedAlpha(data, WEBP_FRAME_HEADER_BYTES)
  }
  return false
}

function firstBitstream(bytes: Uint8Array, start: number): string | undefined {
  for (const { id, data } of riffChunks(bytes, start)) {
    if (id === 'VP8L' || id === 'VP8 ') return id
    if (id === 'ANMF') return firstBitstream(data, WEBP_FRAME_HEADER_BYTES)
  }
  return undefined
}
