import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { MediaFormat } from '../../../media/kinds.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { Container } from './container.ts'

/**
 * Opens a container and reads what it holds. The caller closes it. With the index of one of the other tracks of
 * pictures its frames are read. Fails with `undecodable`, or as the bytes do. The
 * demuxer is loaded with the first one: most processes never see a video, and all of them start sooner.
 */
export async function openContainer(
  bytes: Pick<MediaSource, 'sizeBytes' | 'read'>,
  format: MediaFormat,
  other?: number,
): Promise<Container | Failure> {
  const { demux } = await import('./demuxer.ts')
  return demux(bytes, format, other)
}
