/** Finds the frames of a damaged animation that browsers play: those before the first broken one. */

export interface WholeFramesOptions {
  /** A frame that can be decoded. */
  readonly from: number
  /** A later frame that cannot be decoded, or the number of frames. */
  readonly to: number
  /**
   * The number of frames to decode, including those before the wanted ones. The search ends with the decode
   * that reaches it.
   */
  readonly decodes: number
}

/**
 * Counts the frames before the first broken one. The result can be too small when the search needs more
 * decodes than allowed.
 */
export async function countWholeFrames(
  decodesFrame: (frame: number) => Promise<boolean>,
  { from, to, decodes }: WholeFramesOptions,
): Promise<number> {
  let [whole, broken, left] = [from, to, decodes]
  // Each frame is composed on the previous ones, so if one decodes, all before it do.
  while (broken - whole > 1 && left > 0) {
    const frame = (whole + broken) >> 1
    left -= frame + 1
    if (await decodesFrame(frame)) whole = frame
    else broken = frame
  }
  return whole + 1
}
