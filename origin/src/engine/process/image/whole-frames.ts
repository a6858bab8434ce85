import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { decodePaged } from './decode.ts'
import type { ImageInfo } from './inspect.ts'

export interface WholeFramesOptions {
  /** A frame that decodes. */
  readonly from: number
  /** One behind it that does not, or as many as there are. */
  readonly to: number
  /** Frames that are decoded at the most, those before the wanted ones included. */
  readonly decodes?: number
}

/**
 * How many frames an animation has that Sharp plays, before the first that is broken: browsers play those. With fewer
 * decodes it may be more than are found.
 */
export async function countWholeFrames(
  bytes: Uint8Array,
  info: ImageInfo,
  { from, to, decodes = Number.POSITIVE_INFINITY }: WholeFramesOptions,
): Promise<number> {
  let [whole, broken, left] = [from, to, decodes]
  // Each frame is drawn upon those before it: where one decodes, all of them do.
  while (broken - whole > 1 && left > 0) {
    const frame = (whole + broken) >> 1
    left -= frame + 1
    if (isFailure(await decodePaged(bytes, info, frame, 1))) broken = frame
    else whole = frame
  }
  return whole + 1
}
