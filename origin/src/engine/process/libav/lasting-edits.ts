import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ByteSpan } from '../../../media/iso-boxes.ts'
import type { SyncRanges } from './range-io.ts'

/** Returns the file with the longest duration in place of these durations of edits, which are 0. */
export function withLastingEdits(
  { sizeBytes, read }: SyncRanges,
  durations: readonly ByteSpan[],
): SyncRanges {
  return {
    sizeBytes,
    read(start, end) {
      const bytes = read(start, end)
      const inside = durations.filter((duration) => duration.end > start && duration.start < end)
      if (isFailure(bytes) || inside.length === 0) return bytes
      const changed = Buffer.from(bytes.subarray(0, end - start))
      for (const duration of inside)
        for (const [index, byte] of lastingBytes(duration).entries()) {
          const at = duration.start + index - start
          if (at >= 0 && at < changed.length) changed.writeUInt8(byte, at)
        }
      return changed
    },
  }
}

/** Returns a duration of 2^31 - 1 ticks, which is more than the media of any track in whose place it stands. */
function lastingBytes({ start, end }: ByteSpan): Buffer {
  const bytes = Buffer.alloc(end - start)
  bytes.writeInt32BE(2 ** 31 - 1, bytes.length - 4)
  return bytes
}
