import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SourceImageFormat } from '../../../media/kinds.ts'
import type { Deferred } from '../../jobs.ts'
import { hideInvalidParts, hideUnusedParts } from '../formats/hide-unused-parts.ts'
import { type Repaired, repair, repairHeader } from '../formats/repair.ts'
import { type ImageInfo, readInfo } from '../image/inspect.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { AvailableBytes } from './predict.ts'

/**
 * An opened image. `bytes` are those of the source, unless decoders would render them differently from
 * browsers.
 */
export interface OpenedImage extends Repaired {
  readonly info: ImageInfo
}

/**
 * Validates a header and the planned rendition. Returns the result with which the job ends, or undefined when
 * it continues.
 */
export type Validate = (info: ImageInfo, available: AvailableBytes) => Failure | Deferred | undefined

export interface OpenImageOptions {
  readonly format: SourceImageFormat
  readonly maxBytes: number
  readonly validate: Validate
  /**
   * Whether a still image is returned unchanged, except for chunk names that decoders reject. Otherwise data
   * that is not part of the displayed image may be overwritten.
   */
  readonly intact?: boolean
  /** Whether the compressed data of a PNG is checked and repaired (`withDataRepair`). */
  readonly checksData: boolean
}

/**
 * Runs a job that opens an image. Runs it again with `checksData` when the decoder has found an error in a
 * PNG: checking the data of every PNG would take as long as decoding it.
 */
export async function withDataRepair<T>(
  format: SourceImageFormat,
  job: (checksData: boolean) => Promise<T | Failure>,
): Promise<T | Failure> {
  const result = await job(false)
  const isDamaged = isFailure(result) && result.code === 'undecodable'
  return isDamaged && (format === 'png' || format === 'ico') ? job(true) : result
}

/**
 * The size of the start of a file that is read for its headers. Cameras and editors may put larger data
 * before the headers.
 */
const HEAD_BYTES = 256 * 1024

/**
 * Reads an image and its header, and validates it before anything is decoded. A source that is read by ranges
 * is validated before its remaining bytes are read. Fails with `undecodable`, `source-too-large`, with the
 * failures of reading the source, or with those of `validate`.
 */
export async function openImage(
  source: MediaSource,
  { format, maxBytes, validate, intact, checksData }: OpenImageOptions,
): Promise<OpenedImage | Failure | Deferred> {
  if (source.isRanged && source.sizeBytes > HEAD_BYTES) {
    const head = source.read(0, HEAD_BYTES)
    if (isFailure(head)) return head
    const early = await readInfo(head, format)
    // The start alone may be undecodable, which is no failure. What its header declares is final.
    const ended = isFailure(early) ? undefined : validate(early, { bytes: head, sizeBytes: source.sizeBytes })
    if (ended !== undefined) return ended
  }
  const bytes = source.whole(maxBytes)
  if (isFailure(bytes)) return bytes
  if (intact) hideInvalidParts(bytes, format)
  else hideUnusedParts(bytes, format)
  const read = repairHeader(bytes, format)
  if (isFailure(read)) return read
  const declared = await readInfo(read.bytes, format)
  if (isFailure(declared)) return declared
  const checked = checksData ? ({ checksData } as const) : {}
  const info = { ...declared, ...checked }
  const ended = validate(info, { bytes: read.bytes, sizeBytes: read.bytes.length })
  if (ended !== undefined) return ended
  if (intact && info.frames === 1) return { bytes, info, damaged: false }
  const repaired = await repair(read.bytes, format, { checksData })
  if (isFailure(repaired)) return repaired
  // A repaired drawing declares its size in pixels, so the size of the original is kept.
  const isSame = repaired.bytes === read.bytes || info.drawing !== undefined
  const repairedInfo = isSame ? info : await readInfo(repaired.bytes, format)
  return isFailure(repairedInfo)
    ? repairedInfo
    : { ...repaired, damaged: read.damaged || repaired.damaged, info: { ...repairedInfo, ...checked } }
}
