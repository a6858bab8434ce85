/**
 * What becomes of flagged media when they are served (`nsfw.onServe`): a header, a blur, or nothing at all. Off by
 * default, since it makes everything that is served be looked at first.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Engine } from '../engine/client.ts'
import { contentHash } from '../source/bytes/content-hash.ts'
import type { Source } from '../source/bytes/source.ts'
import type { Scanner } from './scanner.ts'
import type { ScoreOptions, Verdict } from './score.ts'

export type ServeMode = 'off' | 'header' | 'blur' | 'block'

export interface ServePolicy {
  readonly mode: ServeMode
  /** Part of every ETag it has a say in: another policy gives other answers. */
  readonly version: string
  /**
   * The verdict over a source; undefined where there is nothing to see, or where a scan failed and may. Fails with
   * `forbidden` for what is flagged and blocked, with `scan-failed`, or as the source does.
   */
  check(source: Source, timeLeftMs: number, signal: AbortSignal): Promise<Verdict | Failure | undefined>
}

export interface ServePolicyOptions {
  readonly mode: ServeMode
  readonly score: ScoreOptions
  /** Most evenly spaced frames of what moves that a scan looks at. */
  readonly frames: number
  readonly scanner: Scanner
  readonly engine: Pick<Engine, 'examine'>
}

/** Gaussian sigma at which nothing is recognised any more, in pixels of the rendition. */
export const FLAGGED_BLUR = 40

export function createServePolicy({ mode, score, frames, scanner, engine }: ServePolicyOptions): ServePolicy {
  return {
    mode,
    version: mode === 'off' ? '' : JSON.stringify([mode, score.threshold, score.countHentai, frames]),
    async check(source, timeLeftMs, signal) {
      if (mode === 'off' || (source.kind?.kind !== 'image' && source.kind?.kind !== 'video')) return undefined
      const name = await contentName(source)
      if (isFailure(name)) return name
      const verdict = scanner.known(name) ?? (await scan(name, source))
      if (verdict === undefined || isFailure(verdict)) return verdict
      return mode === 'block' && verdict.nsfw ? fail('forbidden', 'flagged and blocked') : verdict

      async function scan(hash: string, of: Source) {
        const examined = await engine.examine(of, { scan: true }, { timeLeftMs, signal })
        // What cannot be decoded cannot be seen either; its own route says what is wrong with it.
        return isFailure(examined) ? undefined : scanner.scan(hash, examined.pictures, signal)
      }
    },
  }
}

/** The hash of what is in memory; of a video, which is not read whole for one still, what stands for its bytes. */
async function contentName(source: Source): Promise<string | Failure> {
  const inMemory = source.bytes.length === source.parts.sizeBytes
  return inMemory ? contentHash(source) : `${source.key}\n${source.info.etag}`
}
