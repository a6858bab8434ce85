/** Makes a rendition from its source: opens and moderates the source, renders it, and computes the ETag. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { waitFor } from '../concurrency/wait.ts'
import type { Engine, Rendered } from '../engine/client.ts'
import type { Geometry, RenderOptions } from '../engine/render-options.ts'
import { FLAGGED_BLUR, FLAGGED_SIDE, type ServePolicy, UNSCANNED_SECONDS } from '../nsfw/serve-policy.ts'
import type { Source } from '../source/bytes/source.ts'
import type { SourceReader } from '../source/reader.ts'
import { etagOf } from './etag.ts'
import type { Rendition } from './rendition.ts'
import type { RenditionSpec } from './spec.ts'

export interface MakerOptions {
  readonly sources: SourceReader
  readonly engine: Pick<Engine, 'render'>
  readonly policy: ServePolicy
  /** Everything that affects the bytes of a rendition besides its source and its request. */
  readonly rendererVersion: Promise<string>
  /** The maximum time from a request to its rendition, in milliseconds. */
  readonly deadlineMs: number
  /** The same for clips, in milliseconds. */
  readonly clipDeadlineMs: number
}

export interface Maker {
  /**
   * Makes a rendition. Returns `kept`, an earlier rendition, if the source has not changed since. Returns the
   * failures of the source, the policy and the engine.
   */
  make(url: string, spec: RenditionSpec, options: MakeOptions): Promise<Rendition | Failure>
  /**
   * Computes the ETag of a rendition. It is the same on all nodes that would produce the same bytes, and
   * differs as soon as a node would produce others.
   */
  etag(sourceEtag: string, url: string, spec: RenditionSpec): Promise<string>
}

export interface MakeOptions {
  /** An earlier rendition. */
  readonly kept: Rendition | undefined
  readonly signal: AbortSignal
  /** Called when the source is open, before the engine is used. */
  readonly onOpened?: () => void
}

export function createMaker(options: MakerOptions): Maker {
  const { sources, policy } = options
  const etag: Maker['etag'] = async (sourceEtag, url, { moderated }) =>
    etagOf(sourceEtag, url, await options.rendererVersion, moderated ? policy.version : '')
  return {
    etag,
    async make(url, spec, { kept, signal, onOpened }) {
      const startedAt = performance.now()
      const handle = sources.open(spec.location)
      let finished = false
      try {
        const source = await waitFor(handle.value, signal)
        if (isFailure(source)) return source
        onOpened?.()
        // The source was read again and has not changed.
        if (kept?.sourceKey === source.key && kept.sourceEtag === source.info.etag) {
          finished = true
          return kept
        }
        const made = await waitFor(renderModerated(source, spec, options, { startedAt, signal }), signal)
        if (isFailure(made)) return made.code === 'undecodable' ? { ...made, code: spec.undecodableIs } : made
        // A rendition that shares the buffer of the source keeps that memory in use.
        finished = made.bytes.buffer !== source.bytes.buffer
        return {
          ...made,
          etag: etagOfMade(await etag(source.info.etag, url, spec), made.unscanned === true),
          lastModified: source.info.lastModified,
          ...lifetimeOf(source, made.unscanned === true),
          sourceName: spec.sourceName,
          sourceKey: source.key,
          sourceEtag: source.info.etag,
        }
      } finally {
        handle.release(finished)
      }
    },
  }
}

/**
 * Returns a different ETag for a rendition whose source could not be scanned, so that it is not confirmed by
 * a node that has scanned the source since.
 */
function etagOfMade(etag: string, unscanned: boolean): string {
  return unscanned ? etagOf(etag, 'unjudged') : etag
}

function lifetimeOf({ info }: Source, unscanned: boolean): Pick<Rendition, 'lifetimeSeconds'> {
  if (unscanned) return { lifetimeSeconds: UNSCANNED_SECONDS }
  return info.lifetimeSeconds === undefined ? {} : { lifetimeSeconds: info.lifetimeSeconds }
}

/**
 * Runs the policy and renders the source. Depending on the policy, flagged media are blurred or not rendered at
 * all. `startedAt` is when the deadline began, by `performance.now()`.
 */
async function renderModerated(
  source: Source,
  spec: RenditionSpec,
  { policy, engine, ...deadlines }: MakerOptions,
  { startedAt, signal }: { readonly startedAt: number; readonly signal: AbortSignal },
): Promise<Moderated | Failure> {
  const timeLeftMs = () => deadlineOf(spec, deadlines) - (performance.now() - startedAt)
  const scanVerdict = spec.moderated ? await policy.check(source, timeLeftMs(), signal) : undefined
  if (isFailure(scanVerdict)) return scanVerdict
  const verdict = scanVerdict === 'unscanned' ? undefined : scanVerdict
  const options = verdict?.nsfw && policy.mode === 'blur' ? blurred(spec.options) : spec.options
  const { isFollowed = false } = spec
  const rendered = await engine.render(source, options, { timeLeftMs: timeLeftMs(), signal, isFollowed })
  if (isFailure(rendered)) return rendered
  if (scanVerdict === 'unscanned') return { ...rendered, unscanned: true }
  return verdict === undefined ? rendered : { ...rendered, nsfwProbability: verdict.probability }
}

type Moderated = Rendered & Pick<Rendition, 'nsfwProbability' | 'unscanned'>

/** Returns the deadline of a rendition, in milliseconds. */
export function deadlineOf(
  spec: RenditionSpec,
  { deadlineMs, clipDeadlineMs }: Pick<MakerOptions, 'deadlineMs' | 'clipDeadlineMs'>,
): number {
  return isClipFormat(spec.options.format) ? clipDeadlineMs : deadlineMs
}

/**
 * Blurs a rendition and also bounds its size: a large
 * blurred image becomes sharp again when it is scaled down.
 */
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
