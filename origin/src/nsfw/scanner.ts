/** Scans the frames of a source and caches the verdicts by the hash of its content. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import { MODEL_IMAGE_BYTES } from '../engine/scan-model.ts'
import type { Log } from '../telemetry/log.ts'
import type { Classifier } from './classifier.ts'
import { type Predictions, type ScoreOptions, scoreFrames, scoreViews, type Verdict } from './score.ts'

export interface ScannerOptions {
  /** Undefined when scanning is disabled. */
  readonly classifier: Classifier | undefined
  readonly score: ScoreOptions
  /** Whether a scan that fails is reported as a failure. Otherwise the media count as not flagged. */
  readonly failClosed: boolean
  readonly log: Log
}

/** The images to scan. */
export interface ExaminedMedia {
  /** The input of the model: consecutive images. */
  readonly images: Uint8Array
  /** Undefined for a still image, which is then scanned on several backgrounds. */
  readonly durationSeconds?: number | undefined
}

export interface Scanner {
  readonly enabled: boolean
  /** Returns the cached verdict on a content. Undefined when it was not scanned recently. */
  known(contentHash: string): Verdict | undefined
  /**
   * Returns the verdict on the images of a source. Scans only as many of them as are needed. Undefined when
   * scanning is disabled, or when a scan failed and `failClosed` is off. Fails with `scan-failed` when it is
   * on, or with the failure of the signal.
   */
  scan(contentHash: string, media: ExaminedMedia, signal: AbortSignal): Promise<Verdict | Failure | undefined>
}

/** A verdict is a few numbers, so a hundred thousand of them take a few megabytes. */
const REMEMBERED_VERDICTS = 100_000

export function createScanner({ classifier, score, failClosed, log }: ScannerOptions): Scanner {
  // Each entry has a size of 1. With a maximum number of
  // entries instead, the memory would be allocated in advance.
  const verdicts = new LRUCache<string, Verdict>({ maxSize: REMEMBERED_VERDICTS, sizeCalculation: () => 1 })

  function failed(failure: Failure): Failure | undefined {
    log.error({ failure: failure.code, detail: failure.detail }, 'a scan failed')
    return failClosed ? fail('scan-failed', failure.detail ?? failure.code) : undefined
  }

  return {
    enabled: classifier !== undefined,
    known: (contentHash) => verdicts.get(contentHash),
    async scan(contentHash, media, signal) {
      if (classifier === undefined || media.images.length === 0) return undefined
      const known = verdicts.get(contentHash)
      if (known !== undefined) return known
      const verdict = await scanInRounds(classifier, media, score, signal)
      if (isFailure(verdict)) {
        const left = verdict.code === 'client-gone' || verdict.code === 'deadline'
        return left ? verdict : failed(verdict)
      }
      verdicts.set(contentHash, verdict)
      return verdict
    },
  }
}

/**
 * The first round takes the frames of a video that are shown by default. Each further round takes as many as
 * the model can process at once without delaying other scans.
 */
const FIRST_ROUND_IMAGES = 2
const ROUND_IMAGES = 4

/** Scans the images in order, a few at a time, until one flags the source or none is left. */
async function scanInRounds(
  classifier: Classifier,
  { images, durationSeconds }: ExaminedMedia,
  score: ScoreOptions,
  signal: AbortSignal,
): Promise<Verdict | Failure> {
  const seen: Predictions[] = []
  let verdict: Verdict | undefined
  while (seen.length * MODEL_IMAGE_BYTES < images.length && verdict?.nsfw !== true) {
    const start = seen.length * MODEL_IMAGE_BYTES
    const count = seen.length === 0 ? FIRST_ROUND_IMAGES : ROUND_IMAGES
    const round = await classifier.classify(images.subarray(start, start + count * MODEL_IMAGE_BYTES), signal)
    if (isFailure(round)) return round
    seen.push(...round)
    const [first, ...rest] = seen
    if (first === undefined || round.length === 0) return fail('scan-failed', 'no predictions')
    verdict =
      durationSeconds === undefined
        ? scoreViews([first, ...rest], score)
        : scoreFrames([first, ...rest], score)
  }
  return verdict ?? fail('scan-failed', 'no frames')
}
