import type { ImageFormat as SourceFormat } from '../../../../media/kinds.ts'
import { type RiffChunk, riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './riff.ts'

/** Tells whether a WebP is lossless: its first bitstream, also that of an animation's first frame, is `VP8L`. */
export function isLosslessWebp(bytes: Uint8Array): boolean {
  for (const { id } of firstPicture(bytes)) {
    if (id === 'VP8L') return true
    if (id === 'VP8 ') return false
  }
  return false
}

/**
 * Tells whether a picture may turn out broken when it is decoded, and only then, so that nothing is shown of it: pixels or
 * alpha of a WebP that are coded without loss. Other decoders go on, or their files are mended.
 */
export function mayBeBroken(bytes: Uint8Array, format: SourceFormat): boolean {
  return format === 'webp' && (isLosslessWebp(bytes) || hasCodedAlpha(bytes))
}

function hasCodedAlpha(bytes: Uint8Array): boolean {
  for (const { id } of firstPicture(bytes)) if (id === 'ALPH') return true
  return false
}

/** The chunks of a still; of an animation those before its first frame, and those in it. A frame in a frame is none. */
function* firstPicture(bytes: Uint8Array): Generator<RiffChunk, void, void> {
  for (const chunk of riffChunks(bytes, WEBP_HEADER_BYTES)) {
    if (chunk.id === 'ANMF') return yield* riffChunks(chunk.data, WEBP_FRAME_HEADER_BYTES)
    yield chunk
  }
}
