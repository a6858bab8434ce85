import { pngChunks } from './png-chunks.ts'

/** Frames of an APNG by its `acTL` chunk, which stands before the first `IDAT`; 1 for a plain PNG. */
export function countApngFrames(bytes: Uint8Array): number {
  for (const { id, data } of pngChunks(bytes)) {
    if (id === 'acTL' && data.length >= 4) return Math.max(1, Buffer.from(data).readUInt32BE(0))
    if (id === 'IDAT') return 1
  }
  return 1
}
