/**
 * Writes packets as an elementary stream without a container, so that FFmpeg sees neither file nor index.
 * H.264 and HEVC become Annex B; VP8, VP9 and AV1 become IVF.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { VideoCodec } from '../container/codecs.ts'
import type { PacketRun, VideoInfo } from '../container/container.ts'
import { isIdr, nalUnits, parameterSets } from '../container/nal-units.ts'

/** A stream and the FFmpeg demuxer that reads it. */
export interface ElementaryStream {
  readonly demuxer: 'h264' | 'hevc' | 'ivf'
  readonly chunks: readonly Uint8Array[]
}

/** Whether a codec has an elementary form that FFmpeg reads. */
export function hasElementaryForm(codec: VideoInfo['codec']): codec is ElementaryCodec {
  return codec !== undefined && ELEMENTARY_CODECS.has(codec)
}

type ElementaryCodec = Extract<VideoCodec, 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1'>
const ELEMENTARY_CODECS: ReadonlySet<string> = new Set(['h264', 'hevc', 'vp8', 'vp9', 'av1'])

/**
 * Returns the elementary stream of a run. Fails with `undecodable` when frames or parameter sets do not have
 * the lengths that they declare.
 */
export function elementaryStream(
  codec: ElementaryCodec,
  run: Pick<PacketRun, 'packets' | 'description'>,
  size: { readonly codedWidth: number; readonly codedHeight: number },
): ElementaryStream | Failure {
  const frames = run.packets.map(({ data }) => data)
  if (codec === 'h264' || codec === 'hevc') return annexB(codec, frames, run.description)
  return { demuxer: 'ivf', chunks: ivf(codec, frames, size) }
}

/**
 * Returns the alpha of VP8 and VP9, which is a separate stream with the alpha as its luma. Undefined when a
 * frame has none.
 */
export function alphaStream(
  codec: VideoInfo['codec'],
  run: Pick<PacketRun, 'packets' | 'description'>,
  size: { readonly codedWidth: number; readonly codedHeight: number },
): ElementaryStream | undefined {
  if (codec !== 'vp8' && codec !== 'vp9') return undefined
  const frames = run.packets.flatMap(({ alpha }) => (alpha === undefined ? [] : [alpha]))
  if (frames.length !== run.packets.length) return undefined
  return { demuxer: 'ivf', chunks: ivf(codec, frames, size) }
}

/**
 * Whether a run can follow another one in a stream, because its key frame resets the decoder. A
 * recovery point of H.264 and a clean random access picture of HEVC do so only at the start of a stream.
 */
export function resetsDecoder(codec: VideoInfo['codec'], { packets, description }: PacketRun): boolean {
  const key = packets[0]?.data
  if (key === undefined) return false
  return codec === 'h264' || codec === 'hevc' ? isIdr(codec, key, description) : hasElementaryForm(codec)
}

const START_CODE = Uint8Array.of(0, 0, 0, 1)

function annexB(
  codec: 'h264' | 'hevc',
  frames: readonly Uint8Array[],
  description: Uint8Array | undefined,
): ElementaryStream | Failure {
  // Without a description, the frames are already in Annex B format (WebCodecs' registry).
  if (description === undefined) return { demuxer: codec, chunks: frames }
  const parameters = parameterSets(codec, description)
  if (parameters === undefined) return fail('undecodable', 'broken decoder configuration')
  const chunks = parameters.sets.flatMap((set) => [START_CODE, set])
  for (const frame of frames) {
    const units = nalUnits(frame, parameters.lengthBytes)
    if (units === undefined) return fail('undecodable', 'broken frame')
    for (const unit of units) chunks.push(START_CODE, unit)
  }
  return { demuxer: codec, chunks }
}

const IVF_FOURCC = { vp8: 'VP80', vp9: 'VP90', av1: 'AV01' } as const
const IVF_HEADER_BYTES = 32
const IVF_FRAME_HEADER_BYTES = 12

/** Writes IVF: a header with the codec, then each frame after its length and its number. */
function ivf(
  codec: keyof typeof IVF_FOURCC,
  frames: readonly Uint8Array[],
  size: { readonly codedWidth: number; readonly codedHeight: number },
): readonly Uint8Array[] {
  const header = Buffer.alloc(IVF_HEADER_BYTES)
  header.write('DKIF', 0, 'latin1')
  header.writeUInt16LE(IVF_HEADER_BYTES, 6)
  header.write(IVF_FOURCC[codec], 8, 'latin1')
  header.writeUInt16LE(size.codedWidth & 0xffff, 12)
  header.writeUInt16LE(size.codedHeight & 0xffff, 14)
  header.writeUInt32LE(30, 16)
  header.writeUInt32LE(1, 20)
  header.writeUInt32LE(frames.length, 24)
  const chunks: Uint8Array[] = [header]
  frames.forEach((frame, index) => {
    const frameHeader = Buffer.alloc(IVF_FRAME_HEADER_BYTES)
    frameHeader.writeUInt32LE(frame.length, 0)
    frameHeader.writeUInt32LE(index, 4)
    chunks.push(frameHeader, frame)
  })
  return chunks
}
