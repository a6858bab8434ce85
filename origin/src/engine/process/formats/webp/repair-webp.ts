import { riffChunks, WEBP_HEADER_BYTES } from './riff.ts'

/**
 * Returns a truncated animated WebP reduced to its complete frames, because libwebp does not open it
 * otherwise. Undefined when it is not truncated, or has no complete frame.
 */
export function repairWebp(bytes: Uint8Array): Uint8Array | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < WEBP_HEADER_BYTES || file.readUInt32LE(4) + RIFF_BYTES <= file.length) return undefined
  let end = WEBP_HEADER_BYTES
  let frames = 0
  for (const { id, data } of riffChunks(bytes, WEBP_HEADER_BYTES)) {
    const next =
      data.byteOffset - bytes.byteOffset + file.readUInt32LE(data.byteOffset - bytes.byteOffset - 4)
    if (next > file.length) break
    end = next + (next % 2)
    if (id === 'ANMF') frames += 1
  }
  if (frames === 0) return undefined
  const whole = Buffer.alloc(end)
  file.copy(whole, 0, 0, end)
  whole.writeUInt32LE(end - RIFF_BYTES, 4)
  return whole
}

/** The bytes of `RIFF` and the size field, which the size does not include. */
const RIFF_BYTES = 8
