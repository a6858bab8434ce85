/** Opens the audio behind ID3 tags. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { mayBeTagged } from '../../../media/id3.ts'
import { SNIFF_BYTES, sniff } from '../../../media/sniff.ts'
import { endOfTags, readBytes } from '../libav/id3.ts'
import type { MediaSource } from '../source/media-source.ts'

/**
 * Returns the source without the ID3 tags at its start, if it is audio. Most demuxers do not skip tags, and a
 * long tag hides the kind of the audio from the detection by the first bytes. The source itself is returned
 * when there are no tags, or when they precede something else.
 */
export async function withoutTags(source: MediaSource): Promise<MediaSource> {
  if (source.kind === undefined || !mayBeTagged(source.kind.format)) return source
  const start = endOfTags(source)
  if (start === undefined || start === 0) return source
  const head = readBytes(source, start, Math.min(source.sizeBytes, start + SNIFF_BYTES))
  const kind = head && (await sniff(head))
  if (kind === undefined || !mayBeTagged(kind.format)) return source
  return {
    ...source,
    kind,
    sizeBytes: source.sizeBytes - start,
    read: (from, to) => source.read(start + from, start + to),
    whole(maxBytes) {
      const bytes = source.whole(start + maxBytes)
      return isFailure(bytes) ? bytes : bytes.subarray(start)
    },
  }
}
