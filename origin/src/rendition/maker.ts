/** From a source to its rendition: opened, moderated, rendered, and named by its ETag. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { waitFor } from '../concurrency/wait.ts'
import type { Engine, Rendered } from '../engine/client.ts'
import type { Geometry, RenderOptions } from '../engine/render-options.ts'
import { FLAGGED_BLUR, FLAGGED_SIDE, type ServePolicy, UNJUDGED_SECONDS } from '../nsfw/serve-policy.ts'
import type { Source } from '../source/bytes/source.ts'
import type { SourceReader } from '../source/reader.ts'
import { etagOf } from './etag.ts'
import type { RenditionJob } from './job.ts'
import type { Rendition } from './rendition.ts'

export interface MakerOptions {
  readonly sources: SourceReader
  readonly engine: Pick<Engine, 'render'>
  readonly policy: ServePolicy
  /** All that decides the bytes of a rendition besides its source and its request. */
  readonly rendererVersion: Promise<string>
  /** Longest time from a request to its rendition, in milliseconds. */
  readonly deadlineMs: number
  /** The same where the rendition is a clip. */
  readonly clipDeadlineMs: number
}

export interface Maker {
  /**
   * Makes a rendition; gives `kept`, which was made before, where the source is still the same. Fails as the source,
   * the policy or the engine does.
   */
  make(
    url: string,
    job: RenditionJob,
    kept: Rendition | undefined,
    signal: AbortSignal,
  ): Promise<Rendition | Failure>
  /** The same on every node that would make the same bytes, another as soon as it would not. */
  etag(sourceEtag: string, url: string, job: RenditionJob): Promise<string>
}

export function createMaker(options: MakerOptions): Maker {
  const { sources, policy } = options
  const etag: Maker['etag'] = async (sourceEtag, url, { moderated }) =>
    etagOf(sourceEtag, url, await options.rendererVersion, moderated ? policy.version : '')
  return {
    etag,
    async make(url, job, kept, signal) {
      const startedAt = performance.now()
      const handle = sources.open(job.place)
      let finished = false
      try {
        const source = await waitFor(handle.value, signal)
        if (isFailure(source)) return source
        // Read again, and found to be the same.
        if (kept?.sourceKey === source.key && kept.sourceEtag === source.info.etag) {
          finished = true
          return kept
        }
        const made = await waitFor(renderModerated(source, job, options, startedAt, signal), signal)
        if (isFailure(made)) return made.code === 'undecodable' ? { ...made, code: job.undecodableIs } : made
        // What is served as it is stays in use.
        finished = made.bytes.buffer !== source.bytes.buffer
        return {
          ...made,
          etag: etagOfMade(await etag(source.info.etag, url, job), made.unjudged === true),
          lastModified: source.info.lastModified,
          ...lifeOf(source, made.unjudged === true),
          sourceName: job.sourceName,
          sourceKey: source.key,
          sourceEtag: source.info.etag,
        }
      } finally {
        handle.release(finished)
      }
    },
  }
}

/** What nobody has judged is not confirmed by who has judged it since. */
function etagOfMade(etag: string, unjudged: boolean): string {
  return unjudged ? etagOf(etag, 'unjudged') : etag
}

function lifeOf({ info }: Source, unjudged: boolean): Pick<Rendition, 'lifeSeconds'> {
  if (unjudged) return { lifeSeconds: UNJUDGED_SECONDS }
  return info.lifeSeconds === undefined ? {} : { lifeSeconds: info.lifeSeconds }
}

/** Flagged media is blurred, or not rendered at all, by the policy. */
async function renderModerated(
  source: Source,
  job: RenditionJob,
  { policy, engine, ...deadlines }: MakerOptions,
  startedAt: number,
  signal: AbortSignal,
): Promise<Moderated | Failure> {
  const timeLeftMs = () => deadlineOf(job, deadlines) - (performance.now() - startedAt)
  const judgement = job.moderated ? await policy.check(source, timeLeftMs(), signal) : undefined
  if (isFailure(judgement)) return judgement
  const verdict = judgement === 'unjudged' ? undefined : judgement
  const wanted = verdict?.nsfw && policy.mode === 'blur' ? blurred(job.options) : job.options
  const { isFollowed = false } = job
  const rendered = await engine.render(source, wanted, { timeLeftMs: timeLeftMs(), signal, isFollowed })
  if (isFailure(rendered)) return rendered
  if (judgement === 'unjudged') return { ...rendered, unjudged: true }
  return verdict === undefined ? rendered : { ...rendered, nsfwProbability: verdict.probability }
}

type Moderated = Rendered & Pick<Rendition, 'nsfwProbability' | 'unjudged'>

/** In milliseconds. */
export function deadlineOf(
  job: RenditionJob,
  { deadlineMs, clipDeadlineMs }: Pick<MakerOptions, 'deadlineMs' | 'clipDeadlineMs'>,
): number {
  return isClipFormat(job.options.format) ? clipDeadlineMs : deadlineMs
}

/** Made small, too: a large picture that somebody makes small again is sharp again. */
function blurred(options: RenderOptions): RenderOptions {
  return {
    ...options,
    geometry: withinSide(options.geometry),
    blur: Math.max(options.blur ?? 0, FLAGGED_BLUR),
  }
}

function withinSide(geometry: Geometry): Geometry {
  if (geometry.kind === 'asset') return { ...geometry, size: Math.min(geometry.size, FLAGGED_SIDE) }
  const { width, height } = geometry
  if (width === undefined && height === undefined)
    return { ...geometry, width: FLAGGED_SIDE, height: FLAGGED_SIDE, fit: 'inside' }
  const scale = Math.min(1, FLAGGED_SIDE / Math.max(width ?? 0, height ?? 0))
  return {
    ...geometry,
    ...(width === undefined ? {} : { width: Math.max(1, Math.round(width * scale)) }),
    ...(height === undefined ? {} : { height: Math.max(1, Math.round(height * scale)) }),
  }
}
