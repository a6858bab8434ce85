import { riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './riff.ts'

/** Tells whether a WebP is lossless: its first bitstream, also that of an animation's first frame, is `VP8L`. */
export function isLosslessWebp(bytes: Uint8Array): boolean {
  return firstBitstream(bytes, WEBP_HEADER_BYTES) === 'VP8L'
}

function firstBitstream(bytes: Uint8Array, start: number): string | undefined {
  for (const { id, data } of riffChunks(bytes, start)) {
    if (id === 'VP8L' || id === 'VP8 ') return id
    if (id === 'ANMF') return firstBitstream(data, WEBP_FRAME_HEADER_BYTES)
  }
  return undefined
}
