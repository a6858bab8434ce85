/**
 * Produces renditions: looks in memory, coalesces equal requests, opens the source, checks its header against
 * the limits, renders it, and stores the result in memory.
 */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { type CanonicalUrl, renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import { type SourceName, sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import { checkConditions, namesEtag, type Validators } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, type FailureCode, isFailure } from '@media-proxy/shared/response/failure.ts'
import { startDeadline } from '../concurrency/deadline.ts'
import { createSingleFlight } from '../concurrency/single-flight.ts'
import { abortFailure, waitFor } from '../concurrency/wait.ts'
import type { Engine } from '../engine/client.ts'
import { mediaKindOfName } from '../media/kinds.ts'
import type { RenditionCache } from './cache.ts'
import { etagOf } from './etag.ts'
import { createMaker, deadlineOf, type Maker, type MakerOptions } from './maker.ts'
import type { Rendition } from './rendition.ts'
import { type RenditionRequest, type RenditionSpec, specOf } from './spec.ts'
import type { RenditionStore } from './store.ts'

export interface PipelineOptions extends MakerOptions {
  readonly cache: RenditionCache
  readonly engine: Pick<Engine, 'render' | 'rejection'>
  /** The rendition store that all origins share. Undefined when no bucket is configured for it. */
  readonly stored: RenditionStore | undefined
}

/**
 * How a rendition was obtained: from memory, from memory after revalidation, from the shared store, by
 * joining another request, or by rendering it.
 */
export type RenditionOutcome = 'hit' | 'revalidated' | 'stored' | 'coalesced' | 'rendered'

export type PipelineResult =
  | { readonly outcome: RenditionOutcome; readonly rendition: Rendition }
  /** The client's copy is still valid, which was found out without rendering anything. */
  | { readonly outcome: 'not-modified'; readonly validators: Validators }

export interface Pipeline {
  /** Returns a rendition from memory that does not have to be revalidated, by its `renditionUrl`. */
  fresh(url: CanonicalUrl): Rendition | undefined
  /** Whether the request would need a new render: its rendition is neither in memory nor in progress. */
  costsRender(request: RenditionRequest): boolean
  /** Removes all renditions of these sources and returns how many there were. */
  purge(names: readonly SourceName[]): Promise<number | Failure>
  /**
   * Returns a rendition by whichever way is cheapest. `headers` are those of the request, for conditional
   * requests. `isFollowed` means that the next request renders the same source.
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
  /** Undefined when it was rendered. */
  readonly found?: 'revalidated' | 'stored'
}

export function createPipeline(options: PipelineOptions): Pipeline {
  return new CoalescingPipeline(options)
}

class CoalescingPipeline implements Pipeline {
  readonly #options: PipelineOptions
  readonly #maker: Maker
  readonly #calls = createSingleFlight<Made | Failure>()
  /** The calls in progress, and whether their source was purged in the meantime. */
  readonly #running = new Set<{ readonly sourceName: SourceName; isPurged: boolean }>()

  /** The calls that read their source and will need the engine next. */
  readonly #reading: Record<NamedKind, number> = { image: 0, video: 0, clip: 0 }

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
    this.#calls.forget((key) => purged.has(key.slice(0, key.indexOf('\n'))))
    this.#options.sources.forget(purged)
    const stored = (await this.#options.stored?.purge(names)) ?? 0
    // The memory is purged even when the rendition store cannot be.
    const removed = this.#options.cache.purge(names)
    return isFailure(stored) ? stored : stored + removed
  }

  async render(
    request: RenditionRequest,
    headers: Headers,
    signal: AbortSignal,
    isFollowed = false,
  ): Promise<PipelineResult | Failure> {
    const { engine } = this.#options
    const url = renditionUrl(request)
    const spec = { ...specOf(request), isFollowed }
    const decided = await this.#decideByConditions(url, spec, headers, signal)
    if (decided !== undefined) return decided
    // Checked before the source is read: under overload, reading sources of requests that are then rejected
    // would slow down the accepted ones.
    const kind = kindOfName(spec)
    const rejected = this.costsRender(request) ? engine.rejection(kind, this.#reading[kind]) : undefined
    if (rejected !== undefined) return rejected
    const call = this.#calls.join(callKey(spec.sourceName, url), (signalOfCall) =>
      this.#runCall(url, spec, signalOfCall),
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

  async #runCall(url: CanonicalUrl, spec: RenditionSpec, callSignal: AbortSignal): Promise<Made | Failure> {
    const running = { sourceName: spec.sourceName, isPurged: false }
    this.#running.add(running)
    using deadline = startDeadline(callSignal, deadlineOf(spec, this.#options))
    const { signal } = deadline
    try {
      const made = await this.#find(url, spec, signal, running)
      return running.isPurged && !isFailure(made) ? expired(made) : made
    } catch (error) {
      // When its exchange is aborted at the deadline, a store rejects instead of returning a failure.
      if (signal.aborted) return abortFailure(signal)
      throw error
    } finally {
      this.#running.delete(running)
    }
  }

  async #find(
    url: CanonicalUrl,
    spec: RenditionSpec,
    signal: AbortSignal,
    running: { readonly isPurged: boolean },
  ): Promise<Made | Failure> {
    const { cache } = this.#options
    const kept = cache.get(url)?.rendition
    if (kept !== undefined) {
      const verdict = await this.#confirm(kept, spec, signal)
      if (verdict === 'holds' && !running.isPurged) cache.set(url, kept)
      // When the store is unreachable, a rendition that was valid two minutes ago is still served.
      if (verdict === 'holds' || verdict === 'unknown') return { rendition: kept, found: 'revalidated' }
      if (verdict === 'replaced') cache.delete(url)
    }
    const stored = await this.#findStored(url, spec, signal)
    if (isFailure(stored)) return stored
    const rendition = stored ?? (await this.#make(url, spec, kept, signal))
    if (isFailure(rendition)) return rendition
    // A source that was read before a purge must not be cached after it.
    if (!running.isPurged && rendition.unscanned !== true) {
      cache.set(url, rendition)
      if (rendition !== stored && rendition !== kept && 'keys' in spec.location)
        this.#options.stored?.put(url, rendition)
    }
    if (rendition === stored) return { rendition, found: 'stored' }
    return rendition === kept ? { rendition, found: 'revalidated' } : { rendition }
  }

  async #make(
    url: CanonicalUrl,
    spec: RenditionSpec,
    kept: Rendition | undefined,
    signal: AbortSignal,
  ): Promise<Rendition | Failure> {
    const kind = kindOfName(spec)
    let isReading = true
    const onOpened = () => {
      if (isReading) this.#reading[kind] -= 1
      isReading = false
    }
    this.#reading[kind] += 1
    try {
      return await this.#maker.make(url, spec, { kept, signal, onOpened })
    } finally {
      onOpened()
    }
  }

  /**
   * Looks for a rendition that another origin made from exactly the current version of the source. Fails when
   * the store does not answer, so that the request does not wait for it twice.
   */
  async #findStored(
    url: CanonicalUrl,
    spec: RenditionSpec,
    signal: AbortSignal,
  ): Promise<Rendition | Failure | undefined> {
    const { stored, sources } = this.#options
    if (stored === undefined) return undefined
    const located = await sources.locate(spec.location, signal)
    if (isFailure(located)) return UNANSWERED.has(located.code) ? located : undefined
    if (located === undefined) return undefined
    return stored.get(url, spec.sourceName, await this.#maker.etag(located.info.etag, url, spec), signal)
  }

  async #confirm(
    kept: Rendition,
    spec: RenditionSpec,
    signal: AbortSignal,
  ): Promise<'holds' | 'replaced' | 'unknown' | 'unread'> {
    const located = await this.#options.sources.locate(spec.location, signal)
    if (located === undefined) return 'unread'
    if (isFailure(located)) return located.code === 'not-found' ? 'replaced' : 'unknown'
    return located.key === kept.sourceKey && located.info.etag === kept.sourceEtag ? 'holds' : 'replaced'
  }

  /** Answers a conditional request from the validators alone, which takes one request to the store. */
  async #decideByConditions(
    url: CanonicalUrl,
    spec: RenditionSpec,
    headers: Headers,
    signal: AbortSignal,
  ): Promise<PipelineResult | Failure | undefined> {
    // Only `If-None-Match` with an ETag shows that the client has a rendition. A date or `*` does not: not
    // every source can be rendered, and a source that cannot is rejected whatever the conditions are.
    if (!headers.has('if-none-match')) return undefined
    const located = await this.#options.sources.locate(spec.location, signal)
    const isKept = this.#options.cache.get(url) !== undefined
    if (isFailure(located)) return UNANSWERED.has(located.code) && !isKept ? located : undefined
    if (located === undefined) return undefined
    const { info } = located
    const etag = await this.#maker.etag(info.etag, url, spec)
    const validators = { etag, lastModified: info.lastModified }
    const known = namesEtag(headers, etag) && checkConditions(headers, validators) === 'not-modified'
    return known ? { outcome: 'not-modified', validators } : undefined
  }
}

/**
 * The failures of a store that gave no answer even after several attempts. Other failures of HEAD say nothing
 * about GET: some keys may only read objects.
 */
const UNANSWERED: ReadonlySet<FailureCode> = new Set(['store-timeout', 'store-busy', 'store-unreachable'])

/**
 * Returns a rendition whose source was purged while it was made. Caches must not serve it again: their purge
 * may already be over when they receive it. It has a different ETag, so that a copy is never confirmed.
 */
function expired({ rendition, ...made }: Made): Made {
  return { ...made, rendition: { ...rendition, lifetimeSeconds: 0, etag: etagOf(rendition.etag, 'purged') } }
}

/** Returns the key of a call. A source name never contains a line break, so it separates the two parts. */
function callKey(sourceName: SourceName, url: CanonicalUrl): string {
  return `${sourceName}\n${url}`
}

type NamedKind = Parameters<Engine['rejection']>[0]

/** Guesses the media kind from the file name. The guess selects only the lane whose load is checked early. */
function kindOfName({ location, options }: Pick<RenditionSpec, 'location' | 'options'>): NamedKind {
  if (isClipFormat(options.format)) return 'clip'
  const name = 'url' in location ? new URL(location.url).pathname : (location.keys[0] ?? '')
  return mediaKindOfName(name)?.kind === 'video' ? 'video' : 'image'
}
