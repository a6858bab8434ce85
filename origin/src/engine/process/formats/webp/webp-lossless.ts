import type { SourceImageFormat } from '../../../../media/kinds.ts'
import { type RiffChunk, riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './riff.ts'

/**
 * Whether a WebP is lossless: its first bitstream, or that of an animation's first frame, is `VP8L`.
 */
export function isLosslessWebp(bytes: Uint8Array): boolean {
  for (const { id } of firstFrameChunks(bytes)) {
    if (id === 'VP8L') return true
    if (id === 'VP8 ') return false
  }
  return false
}

/**
 * Whether an image may turn out to be corrupt only during decoding, so that nothing of it is shown.
 * This applies to losslessly coded pixels or alpha of a WebP. Other decoders continue after an error, or
 * their files are repaired.
 */
export function mayFailLate(bytes: Uint8Array, format: SourceImageFormat): boolean {
  return format === 'webp' && (isLosslessWebp(bytes) || hasCodedAlpha(bytes))
}

function hasCodedAlpha(bytes: Uint8Array): boolean {
  for (const { id } of firstFrameChunks(bytes)) if (id === 'ALPH') return true
  return false
}

/**
 * Yields the chunks of a still, or those before and in the first frame of an animation. A frame inside a
 * frame is not followed.
 */
function* firstFrameChunks(bytes: Uint8Array): Generator<RiffChunk, void, void> {
  for (const chunk of riffChunks(bytes, WEBP_HEADER_BYTES)) {
    if (chunk.id === 'ANMF') return yield* riffChunks(chunk.data, WEBP_FRAME_HEADER_BYTES)
    yield chunk
  }
}
