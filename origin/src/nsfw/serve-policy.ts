/**
 * The policy for flagged media when they are served (`nsfw.onServe`): a header, a blur, or a rejection. Off
 * by default, because everything has to be scanned before it is served.
 */

import { type Failure, type FailureCode, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Engine } from '../engine/client.ts'
import type { ModelOptions } from '../engine/scan-model.ts'
import { type MediaKind, videoKindOf } from '../media/kinds.ts'
import { contentHash } from '../source/bytes/content-hash.ts'
import { isWhole, type Source } from '../source/bytes/source.ts'
import type { Scanner } from './scanner.ts'
import type { ScoreOptions, Verdict } from './score.ts'

export type ServeMode = 'off' | 'header' | 'blur' | 'block'

/** How long a response may be cached when its source could not be scanned, in seconds. */
export const UNSCANNED_SECONDS = 60

/** Whether the mode prevents flagged media from being seen. */
export function hides(mode: ServeMode): boolean {
  return mode === 'blur' || mode === 'block'
}

export interface ServePolicy {
  readonly mode: ServeMode
  /** A part of the ETag of all renditions under the policy, because another policy makes other renditions. */
  readonly version: string
  /**
   * Returns the verdict on a source. Undefined when it has no visual content. `unscanned` when a scan failed
   * and `failClosed` is off: the response must then not be cached for long. Fails with `forbidden` for
   * flagged media in the mode `block`, with `scan-failed`, with the failures of the source, or with the
   * failure of media beyond the limits of a scan that must not be shown without one.
   */
  check(source: Source, timeLeftMs: number, signal: AbortSignal): Promise<ScanVerdict | Failure>
}

export type ScanVerdict = Verdict | 'unscanned' | undefined

export interface ServePolicyOptions {
  readonly mode: ServeMode
  readonly score: ScoreOptions
  /** The maximum number of evenly spaced frames of an animation or a video to scan. */
  readonly frames: number
  /** The options by which models differ. */
  readonly model: Pick<ModelOptions, 'path' | 'layout' | 'colours'>
  readonly scanner: Scanner
  /** Whether a scan that fails is reported as a failure. */
  readonly failClosed: boolean
  readonly engine: Pick<Engine, 'examine'>
}

/**
 * The Gaussian sigma, in pixels, at which nothing can be recognised
 * in a rendition of at most `FLAGGED_SIDE` pixels a side.
 */
export const FLAGGED_BLUR = 40
/** The longest side of the rendition of flagged media, in pixels. */
export const FLAGGED_SIDE = 480

/**
 * Whether a source may have visual content. A file that is
 * detected as audio by its first bytes may still contain video.
 */
function mayBeVisual(kind: MediaKind | undefined): boolean {
  return kind !== undefined && (kind.kind !== 'audio' || videoKindOf(kind.format) !== undefined)
}

/** Failures of media without visual content. */
const NOT_VISUAL: ReadonlySet<FailureCode> = new Set(['unsupported-format', 'not-visual'])
/** Failures that are temporary and independent of the media. */
const TEMPORARY: ReadonlySet<FailureCode> = new Set(['overloaded', 'not-ready', 'scan-failed'])

export function createServePolicy(options: ServePolicyOptions): ServePolicy {
  const { mode, score, frames, model, scanner } = options
  return {
    mode,
    version:
      mode === 'off'
        ? ''
        : JSON.stringify([
            mode,
            score.threshold,
            score.countHentai,
            frames,
            model.path,
            model.layout,
            model.colours,
          ]),
    async check(source, timeLeftMs, signal) {
      if (mode === 'off' || !mayBeVisual(source.kind)) return undefined
      const name = await contentName(source)
      if (isFailure(name)) return name
      const verdict = scanner.known(name) ?? (await scan(options, source, { name, timeLeftMs, signal }))
      if (verdict === undefined || verdict === 'unscanned' || isFailure(verdict)) return verdict
      return mode === 'block' && verdict.nsfw ? fail('forbidden', 'flagged and blocked') : verdict
    },
  }
}

async function scan(
  { mode, scanner, failClosed, engine }: ServePolicyOptions,
  source: Source,
  {
    name,
    timeLeftMs,
    signal,
  }: { readonly name: string; readonly timeLeftMs: number; readonly signal: AbortSignal },
): Promise<ScanVerdict | Failure> {
  if (!scanner.enabled) return undefined
  const examined = await engine.examine(source, { scan: true, acceptAnyAudio: true }, { timeLeftMs, signal })
  if (!isFailure(examined)) {
    const verdict = await scanner.scan(name, examined, signal)
    return verdict ?? (examined.images.length === 0 ? undefined : 'unscanned')
  }
  const { code } = examined
  if (NOT_VISUAL.has(code)) return undefined
  if (signal.aborted) return examined
  if (TEMPORARY.has(code)) return failClosed ? examined : 'unscanned'
  // Media that exceed the limits of a scan, or that only browsers can decode, will still do so later. Serving
  // them unscanned would make this a way around the scan.
  if (hides(mode)) return examined
  return code === 'deadline' ? 'unscanned' : undefined
}

/**
 * Returns a key for the verdict: the content hash when the bytes are in memory. A video is not read as a
 * whole for one frame, so its key and ETag are used.
 */
async function contentName(source: Source): Promise<string | Failure> {
  return isWhole(source) ? contentHash(source) : `${source.key}\n${source.info.etag}`
}
