/**
 * What becomes of flagged media when they are served (`nsfw.onServe`): a header, a blur, or nothing at all. Off by
 * default, since it makes everything that is served be looked at first.
 */

import { type Failure, type FailureCode, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Engine } from '../engine/client.ts'
import type { ModelOptions } from '../engine/scan-model.ts'
import { filmAround, type MediaKind } from '../media/kinds.ts'
import { contentHash } from '../source/bytes/content-hash.ts'
import type { Source } from '../source/bytes/source.ts'
import type { Scanner } from './scanner.ts'
import type { ScoreOptions, Verdict } from './score.ts'

export type ServeMode = 'off' | 'header' | 'blur' | 'block'

/** What nobody could judge is asked for again so soon. */
export const UNJUDGED_SECONDS = 60

/** Whether flagged media are kept from being seen. */
export function hides(mode: ServeMode): boolean {
  return mode === 'blur' || mode === 'block'
}

export interface ServePolicy {
  readonly mode: ServeMode
  /** Part of every ETag it has a say in: another policy gives other answers. */
  readonly version: string
  /**
   * The verdict over a source; undefined where there is nothing to see. `unjudged` where a scan failed and may: what is
   * answered then is nothing to keep. Fails with `forbidden` for what is flagged and blocked, with `scan-failed`, as the
   * source does, or as what is beyond the limits of a scan and may not be shown unseen.
   */
  check(source: Source, timeLeftMs: number, signal: AbortSignal): Promise<Judgement | Failure>
}

export type Judgement = Verdict | 'unjudged' | undefined

export interface ServePolicyOptions {
  readonly mode: ServeMode
  readonly score: ScoreOptions
  /** Most evenly spaced frames of what moves that a scan looks at. */
  readonly frames: number
  /** All that another model differs by. */
  readonly model: Pick<ModelOptions, 'path' | 'layout' | 'colours'>
  readonly scanner: Scanner
  /** A scan that fails is a failure. */
  readonly failClosed: boolean
  readonly engine: Pick<Engine, 'examine'>
}

/** Gaussian sigma at which nothing is recognised any more, in pixels of a rendition of that side at the most. */
export const FLAGGED_BLUR = 40
export const FLAGGED_SIDE = 480

/** A film may call itself sound, and tell otherwise only behind its first bytes. */
function mayBeSeen(kind: MediaKind | undefined): boolean {
  return kind !== undefined && (kind.kind !== 'audio' || filmAround(kind.format) !== undefined)
}

/** Of these there is nothing to be seen. */
const NOTHING_TO_SEE: ReadonlySet<FailureCode> = new Set(['unsupported-format', 'not-visual'])
/** A scan fails by these for a while, whatever the media are. */
const PASSING: ReadonlySet<FailureCode> = new Set(['overloaded', 'not-ready', 'scan-failed'])

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
      if (mode === 'off' || !mayBeSeen(source.kind)) return undefined
      const name = await contentName(source)
      if (isFailure(name)) return name
      const verdict = scanner.known(name) ?? (await scan(options, source, { name, timeLeftMs, signal }))
      if (verdict === undefined || verdict === 'unjudged' || isFailure(verdict)) return verdict
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
): Promise<Judgement | Failure> {
  if (!scanner.enabled) return undefined
  const examined = await engine.examine(source, { scan: true, anySound: true }, { timeLeftMs, signal })
  if (!isFailure(examined)) {
    const verdict = await scanner.scan(name, examined, signal)
    return verdict ?? (examined.pictures.length === 0 ? undefined : 'unjudged')
  }
  const { code } = examined
  if (NOTHING_TO_SEE.has(code)) return undefined
  if (signal.aborted) return examined
  if (PASSING.has(code)) return failClosed ? examined : 'unjudged'
  // What is too much for a scan, or decoded by browsers alone, is so tomorrow: let past unseen, it would be the way past
  // the scan.
  if (hides(mode)) return examined
  return code === 'deadline' ? 'unjudged' : undefined
}

/** The hash of what is in memory; of a video, which is not read whole for one still, what stands for its bytes. */
async function contentName(source: Source): Promise<string | Failure> {
  const inMemory = source.bytes.length === source.parts.sizeBytes
  return inMemory ? contentHash(source) : `${source.key}\n${source.info.etag}`
}
