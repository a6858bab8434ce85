/** The way of a rendition: memory, coalescing, source, header, limits, render, and back into memory. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { type CanonicalUrl, renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import { type SourceName, sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import { checkConditions, namesEtag, type Validators } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { startDeadline } from '../concurrency/deadline.ts'
import { createCoalescer } from '../concurrency/single-flight.ts'
import { abortFailure, waitFor } from '../concurrency/wait.ts'
import type { Engine } from '../engine/client.ts'
import { mediaKindOfName } from '../media/kinds.ts'
import { type ReadLanes, readLaneOf } from '../source/reader.ts'
import type { RenditionCache } from './cache.ts'
import { jobOf, type RenditionJob, type RenditionRequest } from './job.ts'
import { createMaker, deadlineOf, type Maker, type MakerOptions } from './maker.ts'
import type { Rendition } from './rendition.ts'
import type { RenditionStore } from './store.ts'

export interface PipelineOptions extends MakerOptions {
  readonly cache: RenditionCache
  /** What is being read, or waits for it, and will want the engine. */
  readonly reads: ReadLanes
  readonly engine: Pick<Engine, 'render' | 'rejection'>
  /** What all origins share; undefined without a bucket for it. */
  readonly stored: RenditionStore | undefined
}

/** How a rendition came about: from memory, confirmed by the store, made by another origin, with others, or made. */
export type RenditionOutcome = 'hit' | 'revalidated' | 'stored' | 'coalesced' | 'rendered'

export type PipelineResult =
  | { readonly outcome: RenditionOutcome; readonly rendition: Rendition }
  /** The caller's copy still holds, and nothing had to be rendered to know it. */
  | { readonly outcome: 'not-modified'; readonly validators: Validators }

export interface Pipeline {
  /** A rendition from memory that needs no question to the store, by its `renditionUrl`. */
  fresh(url: CanonicalUrl): Rendition | undefined
  /** Neither in memory nor under way: answering it would take a render. */
  costsRender(request: RenditionRequest): boolean
  /** Forgets every rendition of these sources; gives their number. */
  purge(names: readonly SourceName[]): Promise<number | Failure>
  /**
   * A rendition by any way; `headers` are the request's, for its validators. `isFollowed`: another of the same source is
   * made next.
   */
  render(
    request: RenditionRequest,
    headers: Headers,
    signal: AbortSignal,
    isFollowed?: boolean,
  ): Promise<PipelineResult | Failure>
}

interface Made {
  readonly rendition: Rendition
  /** Undefined where it was rendered. */
  readonly found?: 'revalidated' | 'stored'
}

export function createPipeline(options: PipelineOptions): Pipeline {
  return new CoalescingPipeline(options)
}

class CoalescingPipeline implements Pipeline {
  readonly #options: PipelineOptions
  readonly #maker: Maker
  readonly #calls = createCoalescer<Made | Failure>()
  /** What is under way, and whether its source was purged meanwhile. */
  readonly #running = new Set<{ readonly sourceName: SourceName; isPurged: boolean }>()

  constructor(options: PipelineOptions) {
    this.#options = options
    this.#maker = createMaker(options)
  }

  fresh(url: CanonicalUrl): Rendition | undefined {
    const kept = this.#options.cache.get(url)
    return kept?.fresh ? kept.rendition : undefined
  }

  costsRender(request: RenditionRequest): boolean {
    const url = renditionUrl(request)
    return this.#options.cache.get(url) === undefined && !this.#calls.has(callKey(sourceNameOf(request), url))
  }

  async purge(names: readonly SourceName[]): Promise<number | Failure> {
    const purged = new Set(names)
    for (const call of this.#running) call.isPurged ||= purged.has(call.sourceName)
    this.#calls.startAnew((key) => purged.has(key.slice(0, key.indexOf('\n'))))
    this.#options.sources.startAnew(purged)
    const stored = (await this.#options.stored?.purge(names)) ?? 0
    return isFailure(stored) ? stored : stored + this.#options.cache.purge(names)
  }

  async render(
    request: RenditionRequest,
    headers: Headers,
    signal: AbortSignal,
    isFollowed = false,
  ): Promise<PipelineResult | Failure> {
    const { reads, engine } = this.#options
    const url = renditionUrl(request)
    const job = { ...jobOf(request), isFollowed }
    const decided = await this.#decideByConditions(url, job, headers, signal)
    if (decided !== undefined) return decided
    // Told before anything is read: under overload, reading what is then refused would take the time of what is not.
    const { running, waiting } = readLaneOf(job.place, reads)
    const underWay = running + waiting
    const rejected = this.costsRender(request) ? engine.rejection(kindOfName(job), underWay) : undefined
    if (rejected !== undefined) return rejected
    const call = this.#calls.join(callKey(job.sourceName, url), (signalOfCall) =>
      this.#runCall(url, job, signalOfCall),
    )
    try {
      const made = await waitFor(call.value, signal)
      if (isFailure(made)) return made
      const outcome = call.leader ? (made.found ?? 'rendered') : 'coalesced'
      return { outcome, rendition: made.rendition }
    } finally {
      call.release()
    }
  }

  async #runCall(url: CanonicalUrl, job: RenditionJob, callSignal: AbortSignal): Promise<Made | Failure> {
    const running = { sourceName: job.sourceName, isPurged: false }
    this.#running.add(running)
    using deadline = startDeadline(callSignal, deadlineOf(job, this.#options))
    const { signal } = deadline
    try {
      return await this.#find(url, job, signal, running)
    } catch (error) {
      // A store ends an exchange whose time is over by rejecting.
      if (signal.aborted) return abortFailure(signal)
      throw error
    } finally {
      this.#running.delete(running)
    }
  }

  async #find(
    url: CanonicalUrl,
    job: RenditionJob,
    signal: AbortSignal,
    running: { readonly isPurged: boolean },
  ): Promise<Made | Failure> {
    const { cache } = this.#options
    const kept = cache.get(url)?.rendition
    if (kept !== undefined) {
      const verdict = await this.#confirm(kept, job, signal)
      if (verdict === 'holds' && !running.isPurged) cache.set(url, kept)
      // A store that cannot be asked is no reason to withhold what was right two minutes ago.
      if (verdict === 'holds' || verdict === 'unknown') return { rendition: kept, found: 'revalidated' }
      if (verdict === 'replaced') cache.delete(url)
    }
    const stored = await this.#findStored(url, job, signal)
    const rendition = stored ?? (await this.#maker.make(url, job, kept, signal))
    if (isFailure(rendition)) return rendition
    // What was read before a purge must not be remembered after it.
    if (!running.isPurged && rendition.unjudged !== true) {
      cache.set(url, rendition)
      if (rendition !== stored && rendition !== kept && 'keys' in job.place)
        this.#options.stored?.put(url, rendition)
    }
    if (rendition === stored) return { rendition, found: 'stored' }
    return rendition === kept ? { rendition, found: 'revalidated' } : { rendition }
  }

  /** What another origin made of the very source that is in the store now. */
  async #findStored(
    url: CanonicalUrl,
    job: RenditionJob,
    signal: AbortSignal,
  ): Promise<Rendition | undefined> {
    const { stored, sources } = this.#options
    if (stored === undefined) return undefined
    const located = await sources.locate(job.place, signal)
    if (located === undefined || isFailure(located)) return undefined
    return stored.get(url, job.sourceName, await this.#maker.etag(located.info.etag, url, job), signal)
  }

  async #confirm(
    kept: Rendition,
    job: RenditionJob,
    signal: AbortSignal,
  ): Promise<'holds' | 'replaced' | 'unknown' | 'unread'> {
    const located = await this.#options.sources.locate(job.place, signal)
    if (located === undefined) return 'unread'
    if (isFailure(located)) return located.code === 'not-found' ? 'replaced' : 'unknown'
    return located.key === kept.sourceKey && located.info.etag === kept.sourceEtag ? 'holds' : 'replaced'
  }

  /** A caller with a copy is answered from the validators alone, which cost one question to the store. */
  async #decideByConditions(
    url: string,
    job: RenditionJob,
    headers: Headers,
    signal: AbortSignal,
  ): Promise<PipelineResult | undefined> {
    // Only a copy proves that there is something to have a copy of, which no date and no `*` does: not every source can
    // be rendered, and what cannot is refused whatever the conditions are.
    if (!headers.has('if-none-match')) return undefined
    const located = await this.#options.sources.locate(job.place, signal)
    if (located === undefined || isFailure(located)) return undefined
    const { info } = located
    const etag = await this.#maker.etag(info.etag, url, job)
    const validators = { etag, lastModified: info.lastModified }
    const known = namesEtag(headers, etag) && checkConditions(headers, validators) === 'not-modified'
    return known ? { outcome: 'not-modified', validators } : undefined
  }
}

/** No name of a source has a line break. */
function callKey(sourceName: SourceName, url: CanonicalUrl): string {
  return `${sourceName}\n${url}`
}

/** A name is only a hint at the kind; it decides nothing but in which lane a crowd is seen early. */
function kindOfName({ place, options }: Pick<RenditionJob, 'place' | 'options'>): 'image' | 'video' | 'clip' {
  if (isClipFormat(options.format)) return 'clip'
  const name = 'url' in place ? new URL(place.url).pathname : (place.keys[0] ?? '')
  return mediaKindOfName(name)?.kind === 'video' ? 'video' : 'image'
}
