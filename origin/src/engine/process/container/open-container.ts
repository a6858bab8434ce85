import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { MediaFormat } from '../../../media/kinds.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { Container } from './container.ts'

/**
 * Opens a container and reads its contents. The caller closes it. `other` is the index of another video track
 * to read instead. Fails with `undecodable`, or as the bytes do. The demuxer is loaded on first use: most
 * processes never open a video, so all of them start sooner.
 */
export async function openContainer(
  bytes: Pick<MediaSource, 'sizeBytes' | 'read'>,
  format: MediaFormat,
  other?: number,
): Promise<Container | Failure> {
  const { demux } = await import('./demuxer.ts')
  return demux(bytes, format, other)
}
