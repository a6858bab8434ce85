/** The way of a rendition: memory, coalescing, source, header, limits, render, and back into memory. */

import { type CanonicalUrl, renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { isNotModified, type Validators } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../concurrency/lane.ts'
import { createCoalescer } from '../concurrency/single-flight.ts'
import { waitFor } from '../concurrency/wait.ts'
import type { Engine, Rendered } from '../engine/client.ts'
import type { RenderOptions } from '../engine/render-options.ts'
import { mediaKindOfName } from '../media/kinds.ts'
import { FLAGGED_BLUR, type ServePolicy } from '../nsfw/serve-policy.ts'
import type { Source } from '../source/bytes/source.ts'
import type { SourceReader } from '../source/reader.ts'
import type { RenditionCache } from './cache.ts'
import { etagOf } from './etag.ts'
import { jobOf, type RenditionJob, type RenditionRequest } from './job.ts'
import type { Rendition } from './rendition.ts'
import type { RenditionStore } from './store.ts'

export interface PipelineOptions {
  readonly sources: SourceReader
  readonly cache: RenditionCache
  /** What is being read, or waits for it, and will want the engine. */
  readonly reads: Lane
  readonly engine: Pick<Engine, 'render' | 'refusal'>
  readonly policy: ServePolicy
  /** What all origins share; undefined without a bucket for it. */
  readonly stored: RenditionStore | undefined
  /** All that decides the bytes of a rendition besides its source and its request. */
  readonly rendererVersion: Promise<string>
  /** Longest time from a request to its rendition, in milliseconds. */
  readonly deadlineMs: number
}

/** How a rendition came about: from memory, confirmed by the store, made by another origin, with others, or made. */
export type RenditionOutcome = 'hit' | 'revalidated' | 'stored' | 'coalesced' | 'rendered'

export type PipelineResult =
  | { readonly outcome: RenditionOutcome; readonly rendition: Rendition }
  /** The caller's copy still holds, and nothing had to be rendered to know it. */
  | { readonly outcome: 'not-modified'; readonly validators: Validators }

export interface Pipeline {
  /** A rendition from memory that needs no question to the store. */
  fresh(request: RenditionRequest): Rendition | undefined
  /** Neither in memory nor under way: answering it would take a render. */
  costsRender(request: RenditionRequest): boolean
  /** Forgets every rendition of these sources; gives their number. */
  purge(names: readonly SourceName[]): Promise<number | Failure>
  /** A rendition by any way; `headers` are the request's, for its validators. */
  render(request: RenditionRequest, headers: Headers, signal: AbortSignal): Promise<PipelineResult | Failure>
}

interface Made {
  readonly rendition: Rendition
  /** Undefined where it was rendered. */
  readonly found?: 'revalidated' | 'stored'
}

export function createPipeline(options: PipelineOptions): Pipeline {
  const { sources, cache } = options
  const flights = createCoalescer<Made | Failure>()
  let purges = 0

  async function fly(
    url: CanonicalUrl,
    job: RenditionJob,
    flightSignal: AbortSignal,
  ): Promise<Made | Failure> {
    const purgesBefore = purges
    const signal = AbortSignal.any([flightSignal, AbortSignal.timeout(options.deadlineMs)])
    const kept = cache.get(url)?.rendition
    if (kept !== undefined) {
      const verdict = await confirm(kept, job, signal)
      if (verdict === 'holds') {
        cache.set(url, kept)
        return { rendition: kept, found: 'revalidated' }
      }
      // A store that cannot be asked is no reason to withhold what was right two minutes ago.
      if (verdict === 'unknown') return { rendition: kept, found: 'revalidated' }
      if (verdict === 'replaced') cache.delete(url)
    }
    const stored = await findStored(url, job, signal)
    const rendition = stored ?? (await makeFrom(url, job, kept, signal))
    if (isFailure(rendition)) return rendition
    // What was read before a purge must not be remembered after it.
    if (purges === purgesBefore) {
      cache.set(url, rendition)
      if (rendition !== stored && rendition !== kept && 'keys' in job.place)
        options.stored?.put(url, rendition)
    }
    if (rendition === stored) return { rendition, found: 'stored' }
    return rendition === kept ? { rendition, found: 'revalidated' } : { rendition }
  }

  /** What another origin made of the very source that is in the store now. */
  async function findStored(
    url: CanonicalUrl,
    job: RenditionJob,
    signal: AbortSignal,
  ): Promise<Rendition | undefined> {
    if (options.stored === undefined) return undefined
    const located = await sources.locate(job.place, signal)
    if (located === undefined || isFailure(located)) return undefined
    const etag = await renditionEtag(located.info.etag, url, job)
    return options.stored.get(url, job.sourceName, etag, signal)
  }

  async function confirm(
    kept: Rendition,
    job: RenditionJob,
    signal: AbortSignal,
  ): Promise<'holds' | 'replaced' | 'unknown' | 'unread'> {
    const located = await sources.locate(job.place, signal)
    if (located === undefined) return 'unread'
    if (isFailure(located)) return located.code === 'not-found' ? 'replaced' : 'unknown'
    return located.key === kept.sourceKey && located.info.etag === kept.sourceEtag ? 'holds' : 'replaced'
  }

  async function makeFrom(
    url: string,
    job: RenditionJob,
    kept: Rendition | undefined,
    signal: AbortSignal,
  ): Promise<Rendition | Failure> {
    const startedAt = performance.now()
    const lease = sources.open(job.place)
    try {
      const source = await waitFor(lease.value, signal)
      if (isFailure(source)) return source
      // Read again, and found to be the same.
      if (kept?.sourceKey === source.key && kept.sourceEtag === source.info.etag) return kept
      const made = await waitFor(renderModerated(source, job, startedAt, signal), signal)
      if (isFailure(made)) return made.code === 'undecodable' ? { ...made, code: job.undecodableIs } : made
      return {
        ...made,
        etag: await renditionEtag(source.info.etag, url, job),
        lastModified: source.info.lastModified,
        sourceName: job.sourceName,
        sourceKey: source.key,
        sourceEtag: source.info.etag,
      }
    } finally {
      lease.release()
    }
  }

  /** Flagged media is blurred, or not rendered at all, by the policy. */
  async function renderModerated(
    source: Source,
    job: RenditionJob,
    startedAt: number,
    signal: AbortSignal,
  ): Promise<(Rendered & { readonly nsfwProbability?: number }) | Failure> {
    const timeLeftMs = () => options.deadlineMs - (performance.now() - startedAt)
    const verdict = job.moderated ? await options.policy.judge(source, timeLeftMs(), signal) : undefined
    if (isFailure(verdict)) return verdict
    const flagged = verdict?.nsfw === true && options.policy.mode === 'blur'
    const wanted = flagged ? blurred(job.options) : job.options
    const rendered = await options.engine.render(source, wanted, { timeLeftMs: timeLeftMs(), signal })
    if (isFailure(rendered) || verdict === undefined) return rendered
    return { ...rendered, nsfwProbability: verdict.probability }
  }

  /** A caller with a copy is answered from the validators alone, which cost one question to the store. */
  async function unchanged(
    url: string,
    job: RenditionJob,
    headers: Headers,
    signal: AbortSignal,
  ): Promise<PipelineResult | undefined> {
    if (!headers.has('if-none-match') && !headers.has('if-modified-since')) return undefined
    const located = await sources.locate(job.place, signal)
    if (located === undefined || isFailure(located)) return undefined
    const validators = {
      etag: await renditionEtag(located.info.etag, url, job),
      lastModified: located.info.lastModified,
    }
    return isNotModified(headers, validators) ? { outcome: 'not-modified', validators } : undefined
  }

  /** The same on every node that would make the same bytes, another as soon as it would not. */
  async function renditionEtag(
    sourceEtag: string,
    url: string,
    { moderated }: RenditionJob,
  ): Promise<string> {
    const policy = moderated ? options.policy.version : ''
    return etagOf(sourceEtag, url, await options.rendererVersion, policy)
  }

  return {
    fresh(request) {
      const kept = cache.get(renditionUrl(request))
      return kept?.fresh ? kept.rendition : undefined
    },

    costsRender(request) {
      const url = renditionUrl(request)
      return cache.get(url) === undefined && !flights.has(url)
    },

    async purge(names) {
      purges += 1
      const stored = (await options.stored?.purge(names)) ?? 0
      return isFailure(stored) ? stored : stored + cache.purge(names)
    },

    async render(request, headers, signal) {
      const url = renditionUrl(request)
      const job = jobOf(request)
      const notModified = await unchanged(url, job, headers, signal)
      if (notModified !== undefined) return notModified
      // Told before anything is read: under overload, reading what is then refused would take the time of what is not.
      const underWay = options.reads.running + options.reads.waiting
      const refused = this.costsRender(request)
        ? options.engine.refusal(kindOfName(job), underWay)
        : undefined
      if (refused !== undefined) return refused
      const flight = flights.join(url, (flightSignal) => fly(url, job, flightSignal))
      try {
        const made = await waitFor(flight.value, signal)
        if (isFailure(made)) return made
        const outcome = flight.leader ? (made.found ?? 'rendered') : 'coalesced'
        return { outcome, rendition: made.rendition }
      } finally {
        flight.release()
      }
    },
  }
}

function blurred(options: RenderOptions): RenderOptions {
  return { ...options, blur: Math.max(options.blur ?? 0, FLAGGED_BLUR) }
}

/** A name is only a hint at the kind; it decides nothing but in which lane a crowd is seen early. */
function kindOfName({ place }: Pick<RenditionJob, 'place'>): 'image' | 'video' {
  const name = 'url' in place ? new URL(place.url).pathname : (place.keys[0] ?? '')
  return mediaKindOfName(name)?.kind === 'video' ? 'video' : 'image'
}
