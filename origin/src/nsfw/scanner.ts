/** Scans the frames of a source, and remembers the scores by the hash of its content. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import type { Log } from '../telemetry/log.ts'
import type { Classifier } from './classifier.ts'
import { type ScoreOptions, scoreFrames, type Verdict } from './score.ts'

export interface ScannerOptions {
  /** Undefined where nothing is scanned. */
  readonly classifier: Classifier | undefined
  readonly score: ScoreOptions
  /** A scan that fails is a failure, instead of no flag. */
  readonly failClosed: boolean
  readonly log: Log
}

export interface Scanner {
  readonly enabled: boolean
  /** What is known of a content; undefined where it was not scanned lately. */
  known(contentHash: string): Verdict | undefined
  /**
   * The verdict over the pictures that the model is to see of a source; undefined where nothing is scanned, or where a scan failed and may. Fails with
   * `scan-failed` where it may not, or with the signal.
   */
  scan(contentHash: string, pictures: Uint8Array, signal: AbortSignal): Promise<Verdict | Failure | undefined>
}

/** A verdict is a few numbers: a hundred thousand are some megabytes. */
const REMEMBERED_VERDICTS = 100_000

export function createScanner({ classifier, score, failClosed, log }: ScannerOptions): Scanner {
  const verdicts = new LRUCache<string, Verdict>({ max: REMEMBERED_VERDICTS })

  function failed(failure: Failure): Failure | undefined {
    log.error({ failure: failure.code, detail: failure.detail }, 'a scan failed')
    return failClosed ? fail('scan-failed', failure.detail ?? failure.code) : undefined
  }

  return {
    enabled: classifier !== undefined,
    known: (contentHash) => verdicts.get(contentHash),
    async scan(contentHash, pictures, signal) {
      if (classifier === undefined || pictures.length === 0) return undefined
      const known = verdicts.get(contentHash)
      if (known !== undefined) return known
      const predictions = await classifier.classify(pictures, signal)
      if (isFailure(predictions)) {
        const left = predictions.code === 'client-gone' || predictions.code === 'deadline'
        return left ? predictions : failed(predictions)
      }
      const [first, ...rest] = predictions
      if (first === undefined) return failed(fail('scan-failed', 'no predictions'))
      const verdict = scoreFrames([first, ...rest], score)
      verdicts.set(contentHash, verdict)
      return verdict
    },
  }
}
