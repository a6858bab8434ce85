import { type ImageInfo, readInfo, validateInfo } from '@media-proxy/origin/engine/process/image/inspect.ts'
import type { SourceImageFormat } from '@media-proxy/origin/media/kinds.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'

/** Reads the header of an image and validates it, as jobs do. */
export async function inspectImage(
  bytes: Uint8Array,
  format: SourceImageFormat,
  options: Parameters<typeof validateInfo>[1],
): Promise<ImageInfo | Failure> {
  const info = await readInfo(bytes, format)
  return isFailure(info) ? info : (validateInfo(info, options) ?? info)
}
