import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageFormat as SourceFormat } from '../../media/kinds.ts'
import type { Deferred } from '../jobs.ts'
import { type Mended, mend, readable } from './formats/mend.ts'
import { hideTheRest } from './formats/png/hide-the-rest.ts'
import { type ImageInfo, readInfo } from './image/inspect.ts'
import type { SeenBytes } from './predict.ts'
import type { MediaSource } from './source/media-source.ts'

/** The bytes are those of the source, unless decoders would make something else of them than browsers show. */
export interface OpenedPicture extends Mended {
  readonly info: ImageInfo
}

/** Validates a header and what would be made of the picture: why it ends here, or nothing. */
export type Validate = (info: ImageInfo, seen: SeenBytes) => Failure | Deferred | undefined

export interface OpenPictureOptions {
  readonly format: SourceFormat
  readonly maxBytes: number
  readonly validate: Validate
  /** The bytes of a still are given as they are; otherwise what is not shown of them may be hidden. */
  readonly intact?: boolean
}

/** The headers of a picture stand at its start, but for what cameras and editors put before them. */
const HEAD_BYTES = 256 * 1024

/**
 * Reads a picture and its header, and has it checked before anything is decoded; of what is read by ranges before the
 * rest is read. Fails with `undecodable`, `source-too-large`, as the source does, or as it is checked.
 */
export async function openPicture(
  source: MediaSource,
  { format, maxBytes, validate, intact }: OpenPictureOptions,
): Promise<OpenedPicture | Failure | Deferred> {
  if (source.isRanged && source.sizeBytes > HEAD_BYTES) {
    const head = source.read(0, HEAD_BYTES)
    if (isFailure(head)) return head
    const early = await readInfo(head, format)
    // A head alone may well be undecodable; what it declares is final.
    const ended = isFailure(early) ? undefined : validate(early, { bytes: head, sizeBytes: source.sizeBytes })
    if (ended !== undefined) return ended
  }
  const bytes = source.whole(maxBytes)
  if (isFailure(bytes)) return bytes
  if (!intact) hideTheRest(bytes, format)
  const read = readable(bytes, format)
  if (isFailure(read)) return read
  const info = await readInfo(read.bytes, format)
  if (isFailure(info)) return info
  const ended = validate(info, { bytes: read.bytes, sizeBytes: read.bytes.length })
  if (ended !== undefined) return ended
  if (intact && info.frames === 1) return { bytes, info, damaged: false }
  const mended = await mend(read.bytes, format)
  if (isFailure(mended)) return mended
  // A drawing is told another size than it has.
  const isSame = mended.bytes === read.bytes || info.drawing !== undefined
  const mendedInfo = isSame ? info : await readInfo(mended.bytes, format)
  return isFailure(mendedInfo)
    ? mendedInfo
    : { ...mended, damaged: read.damaged || mended.damaged, info: mendedInfo }
}
