/** Computes a verdict from the five probabilities of the model. */

import { CLASSES } from '../engine/scan-model.ts'

export { CLASSES }

/** The probability of each class, 0 to 1. They add up to 1. */
export type Predictions = Readonly<Record<(typeof CLASSES)[number], number>>

export interface Verdict {
  readonly nsfw: boolean
  /** The probability of the frame that decided, 0 to 1. */
  readonly probability: number
  readonly predictions: Predictions
}

export interface ScoreOptions {
  /** The source is flagged above this value, 0 to 1. */
  readonly threshold: number
  /**
   * Whether the class `hentai` counts. Ordinary drawings are easily misclassified as it, so it is always
   * reported but counts only on request.
   */
  readonly countHentai: boolean
}

/** Returns the probability that an image is not safe for work, 0 to 1. */
function probabilityOf(predictions: Predictions, { countHentai }: ScoreOptions): number {
  const { porn, sexy, hentai } = predictions
  return Math.min(1, porn + sexy + (countHentai ? hentai : 0))
}

/**
 * Returns the verdict on the frames of one source: one for a still image, several for an animation or a
 * video. The highest score decides. With several frames, a score barely above the threshold (by less than
 * half of the rest to 1) is not enough unless a second frame reaches at least half of the threshold: a single
 * blurred frame should not flag a whole video.
 */
export function scoreFrames(
  frames: readonly [Predictions, ...Predictions[]],
  options: ScoreOptions,
): Verdict {
  const { threshold } = options
  const ranked = frames
    .map((predictions) => ({ predictions, probability: probabilityOf(predictions, options) }))
    .toSorted((a, b) => b.probability - a.probability)
  const [best = { predictions: frames[0], probability: 0 }, second] = ranked
  const clear = second === undefined || best.probability > threshold + (1 - threshold) / 2
  const supported = second !== undefined && second.probability >= threshold / 2
  return { ...best, nsfw: best.probability > threshold && (clear || supported) }
}

/**
 * Returns the verdict on one image as seen on several backgrounds.
 * The highest score decides, without support by a second one.
 */
export function scoreViews(views: readonly [Predictions, ...Predictions[]], options: ScoreOptions): Verdict {
  const [first, ...rest] = views
  return rest
    .map((view) => scoreFrames([view], options))
    .reduce(
      (worst, verdict) => (verdict.probability > worst.probability ? verdict : worst),
      scoreFrames([first], options),
    )
}
