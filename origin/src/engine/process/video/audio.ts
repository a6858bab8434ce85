import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type MediaFormat, mediaKind } from '../../../media/kinds.ts'
import { validateSound } from '../container/codecs.ts'
import type { ContainerInfo } from '../container/container.ts'
import { oggStreams } from '../container/ogg.ts'
import { openContainer } from '../container/open-container.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { VideoTools } from './video.ts'

/** Enough of an Ogg file to see every stream announce itself. */
const OGG_HEAD_BYTES = 64 * 1024
const OGG_SOUND: ReadonlySet<string> = new Set(['vorbis', 'opus'])

/**
 * What a file of audio alone holds, checked against what is accepted. Fails with `source-too-large`, `undecodable`,
 * `unsupported-codec`, or as the bytes do.
 */
export async function readAudio(
  { limits }: Pick<VideoTools, 'limits'>,
  bytes: Pick<MediaSource, 'sizeBytes' | 'read'>,
  format: MediaFormat,
): Promise<ContainerInfo | Failure> {
  if (bytes.sizeBytes > limits.sourceBytes) return fail('source-too-large', `${bytes.sizeBytes} bytes`)
  if (format === 'ogg' || format === 'opus') {
    // The demuxer passes over the streams it does not know, a video among them.
    const head = bytes.read(0, Math.min(bytes.sizeBytes, OGG_HEAD_BYTES))
    if (isFailure(head)) return head
    const streams = oggStreams(head).filter((stream) => stream !== 'skeleton')
    if (streams.length === 0) return fail('undecodable', 'an Ogg without streams')
    const other = streams.find((stream) => !OGG_SOUND.has(stream))
    if (other !== undefined) return fail('unsupported-codec', `${other} in Ogg`)
  }
  const container = await openContainer(bytes, format)
  if (isFailure(container)) return container
  container.close()
  const { audio } = container.info
  if (audio.length === 0) return fail('undecodable', 'no stream of sound')
  const holder = mediaKind(format).kind === 'video' ? 'film' : 'sound file'
  return validateSound(audio, holder) ?? container.info
}
