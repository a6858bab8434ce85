/** The frames of an animation that browsers play where one is broken: those before it. */

export interface WholeFramesOptions {
  /** A frame that decodes. */
  readonly from: number
  /** One behind it that does not, or as many as there are. */
  readonly to: number
  /** Frames that are decoded at the most, those before the wanted ones included. */
  readonly decodes?: number
}

/**
 * How many frames there are before the first that is broken. With fewer decodes than that takes it may be more than are
 * found.
 */
export async function countWholeFrames(
  decodesFrame: (frame: number) => Promise<boolean>,
  { from, to, decodes = Number.POSITIVE_INFINITY }: WholeFramesOptions,
): Promise<number> {
  let [whole, broken, left] = [from, to, decodes]
  // Each frame is drawn upon those before it: where one decodes, all of them do.
  while (broken - whole > 1 && left > 0) {
    const frame = (whole + broken) >> 1
    left -= frame + 1
    if (await decodesFrame(frame)) whole = frame
    else broken = frame
  }
  return whole + 1
}
