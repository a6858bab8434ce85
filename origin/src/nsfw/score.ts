/** What the model's five numbers mean. */

import { CLASSES } from '../engine/scan-model.ts'

export { CLASSES }

/** The probability of each class, 0..1; together 1. */
export type Predictions = Readonly<Record<(typeof CLASSES)[number], number>>

export interface Verdict {
  readonly nsfw: boolean
  /** 0..1, of the frame that decided. */
  readonly probability: number
  readonly predictions: Predictions
}

export interface ScoreOptions {
  /** Flagged above this, 0..1. */
  readonly threshold: number
  /** Drawings are easily taken for it: reported always, counted only where asked. */
  readonly countHentai: boolean
}

/** How likely a picture is not safe for work, 0..1. */
export function probabilityOf(predictions: Predictions, { countHentai }: ScoreOptions): number {
  const { porn, sexy, hentai } = predictions
  return Math.min(1, porn + sexy + (countHentai ? hentai : 0))
}

/**
 * The verdict over the frames of one source (one for a picture, several for what moves): the highest score. Of
 * several frames, one that is barely above the threshold (by less than half of what is left to 1) is not
 * enough unless another comes at least half as far: a single blurred frame should not flag a whole video.
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

/** The verdict over one picture as it looks on several pages: the highest score, which needs no other beside it. */
export function scoreViews(views: readonly [Predictions, ...Predictions[]], options: ScoreOptions): Verdict {
  const [first, ...rest] = views
  return rest
    .map((view) => scoreFrames([view], options))
    .reduce(
      (worst, verdict) => (verdict.probability > worst.probability ? verdict : worst),
      scoreFrames([first], options),
    )
}
