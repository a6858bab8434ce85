import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { AudioFormat } from '../../../media/kinds.ts'
import { validateAudioCodecs } from '../container/codecs.ts'
import type { ContainerInfo } from '../container/container.ts'
import { oggStreams } from '../container/ogg.ts'
import { openContainer } from '../container/open-container.ts'
import type { ByRange } from '../container/video-decoder.ts'
import type { VideoTools } from './video.ts'

/** The bytes at the start of an Ogg file that hold the first page of every stream. */
const OGG_HEAD_BYTES = 64 * 1024
const OGG_AUDIO: ReadonlySet<string> = new Set(['vorbis', 'opus', 'flac'])

/**
 * Reads a file of audio only and checks it against the accepted codecs. Fails with `source-too-large`,
 * `undecodable`, `unsupported-codec`, or as the bytes do.
 */
export async function readAudio(
  tools: Pick<VideoTools, 'limits' | 'libav'>,
  bytes: ByRange,
  format: AudioFormat,
): Promise<ContainerInfo | Failure> {
  const { sourceBytes } = tools.limits
  if (bytes.sizeBytes > sourceBytes)
    return failWithHint('source-too-large', `${bytes.sizeBytes} bytes, at most ${sourceBytes}`)
  if (format === 'ogg' || format === 'opus') {
    // Demuxers ignore streams that they do not know, which may be a video.
    const head = bytes.read(0, Math.min(bytes.sizeBytes, OGG_HEAD_BYTES))
    if (isFailure(head)) return head
    const streams = oggStreams(head).filter((stream) => stream !== 'skeleton')
    if (streams.length === 0) return fail('undecodable', 'an Ogg without streams')
    const other = streams.find((stream) => !OGG_AUDIO.has(stream))
    if (other !== undefined) return failWithHint('unsupported-codec', `${other} in Ogg`)
  }
  const info = await readInfo(tools, bytes, format)
  if (isFailure(info)) return info
  if (info.audio.length === 0) return fail('undecodable', 'no audio stream')
  return validateAudioCodecs(info.audio, 'audio file') ?? info
}

async function readInfo(
  { libav: loadLibav }: Pick<VideoTools, 'libav'>,
  bytes: ByRange,
  format: AudioFormat,
): Promise<ContainerInfo | Failure> {
  const libav = await loadLibav()
  if (libav !== undefined) {
    const { openWithLibav } = await import('../libav/open.ts')
    const file = openWithLibav(libav, bytes, format)
    if (isFailure(file)) return file
    using opened = file
    return opened.info
  }
  const container = await openContainer(bytes, format)
  if (isFailure(container)) return container
  container.close()
  return container.info
}
