/** Scans the frames of a source, and remembers the scores by the hash of its content. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import { MODEL_PICTURE_BYTES } from '../engine/scan-model.ts'
import type { Log } from '../telemetry/log.ts'
import type { Classifier } from './classifier.ts'
import { type Predictions, type ScoreOptions, scoreFrames, scoreViews, type Verdict } from './score.ts'

export interface ScannerOptions {
  /** Undefined where nothing is scanned. */
  readonly classifier: Classifier | undefined
  readonly score: ScoreOptions
  /** A scan that fails is a failure, instead of no flag. */
  readonly failClosed: boolean
  readonly log: Log
}

/** What is to be looked at. */
export interface Looked {
  /** For the model, one after the other. */
  readonly pictures: Uint8Array
  /** Undefined for what does not move: its pictures are the same one on other pages. */
  readonly durationSeconds?: number | undefined
}

export interface Scanner {
  readonly enabled: boolean
  /** What is known of a content; undefined where it was not scanned lately. */
  known(contentHash: string): Verdict | undefined
  /**
   * The verdict over the pictures that the model is to see of a source, of as many of them as it takes; undefined where
   * nothing is scanned, or where a scan failed and may. Fails with `scan-failed` where it may not, or with the signal.
   */
  scan(contentHash: string, looked: Looked, signal: AbortSignal): Promise<Verdict | Failure | undefined>
}

/** A verdict is a few numbers: a hundred thousand are some megabytes. */
const REMEMBERED_VERDICTS = 100_000

export function createScanner({ classifier, score, failClosed, log }: ScannerOptions): Scanner {
  // Bounded by a size of 1 each: room for a number of entries would be taken at once.
  const verdicts = new LRUCache<string, Verdict>({ maxSize: REMEMBERED_VERDICTS, sizeCalculation: () => 1 })

  function failed(failure: Failure): Failure | undefined {
    log.error({ failure: failure.code, detail: failure.detail }, 'a scan failed')
    return failClosed ? fail('scan-failed', failure.detail ?? failure.code) : undefined
  }

  return {
    enabled: classifier !== undefined,
    known: (contentHash) => verdicts.get(contentHash),
    async scan(contentHash, looked, signal) {
      if (classifier === undefined || looked.pictures.length === 0) return undefined
      const known = verdicts.get(contentHash)
      if (known !== undefined) return known
      const verdict = await look(classifier, looked, score, signal)
      if (isFailure(verdict)) {
        const left = verdict.code === 'client-gone' || verdict.code === 'deadline'
        return left ? verdict : failed(verdict)
      }
      verdicts.set(contentHash, verdict)
      return verdict
    },
  }
}

/** What of a film is shown by default, and then as much at once as the model takes without keeping others waiting. */
const FIRST_ROUND_PICTURES = 2
const ROUND_PICTURES = 4

/** Looks at the pictures in their order, a few at a time, until there is a verdict: flagged, or nothing more to see. */
async function look(
  classifier: Classifier,
  { pictures, durationSeconds }: Looked,
  score: ScoreOptions,
  signal: AbortSignal,
): Promise<Verdict | Failure> {
  const seen: Predictions[] = []
  let verdict: Verdict | undefined
  while (seen.length * MODEL_PICTURE_BYTES < pictures.length && verdict?.nsfw !== true) {
    const start = seen.length * MODEL_PICTURE_BYTES
    const count = seen.length === 0 ? FIRST_ROUND_PICTURES : ROUND_PICTURES
    const round = await classifier.classify(
      pictures.subarray(start, start + count * MODEL_PICTURE_BYTES),
      signal,
    )
    if (isFailure(round)) return round
    seen.push(...round)
    const [first, ...rest] = seen
    if (first === undefined || round.length === 0) return fail('scan-failed', 'no predictions')
    verdict =
      durationSeconds === undefined
        ? scoreViews([first, ...rest], score)
        : scoreFrames([first, ...rest], score)
  }
  return verdict ?? fail('scan-failed', 'no pictures')
}
