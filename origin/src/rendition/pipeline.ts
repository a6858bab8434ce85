/** The way of a rendition: memory, coalescing, source, header, limits, render, and back into memory. */

import { type CanonicalUrl, renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { isNotModified, strongEtag, type Validators } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { createCoalescer } from '../concurrency/single-flight.ts'
import { waitFor } from '../concurrency/wait.ts'
import type { MakeTools, makeRendition } from '../engine/process/render.ts'
import { FLAGGED_BLUR, type ServePolicy } from '../nsfw/serve-policy.ts'
import type { SourceReader } from '../source/reader.ts'
import type { RenditionCache } from './cache.ts'
import { laneOf, type RenderLanes, refusalOf } from './lanes.ts'
import { type Order, orderOf, type RenditionRequest } from './order.ts'
import type { Rendition } from './rendition.ts'
import type { RenditionStore } from './store.ts'

export interface PipelineOptions {
  readonly sources: SourceReader
  readonly cache: RenditionCache
  readonly lanes: RenderLanes
  readonly make: typeof makeRendition
  readonly tools: MakeTools
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

export type Rendered =
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
  render(request: RenditionRequest, headers: Headers, signal: AbortSignal): Promise<Rendered | Failure>
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

  async function fly(url: CanonicalUrl, order: Order, flightSignal: AbortSignal): Promise<Made | Failure> {
    const purgesBefore = purges
    const signal = AbortSignal.any([flightSignal, AbortSignal.timeout(options.deadlineMs)])
    const kept = cache.get(url)?.rendition
    if (kept !== undefined) {
      const verdict = await confirm(kept, order, signal)
      if (verdict === 'holds') {
        cache.set(url, kept)
        return { rendition: kept, found: 'revalidated' }
      }
      // A store that cannot be asked is no reason to withhold what was right two minutes ago.
      if (verdict === 'unknown') return { rendition: kept, found: 'revalidated' }
      if (verdict === 'replaced') cache.delete(url)
    }
    const stored = await findStored(url, order, signal)
    const rendition = stored ?? (await makeFrom(url, order, kept, signal))
    if (isFailure(rendition)) return rendition
    // What was read before a purge must not be remembered after it.
    if (purges === purgesBefore) {
      cache.set(url, rendition)
      if (rendition !== stored && rendition !== kept && 'keys' in order.place)
        options.stored?.put(url, rendition)
    }
    if (rendition === stored) return { rendition, found: 'stored' }
    return rendition === kept ? { rendition, found: 'revalidated' } : { rendition }
  }

  /** What another origin made of the very source that is in the store now. */
  async function findStored(
    url: CanonicalUrl,
    order: Order,
    signal: AbortSignal,
  ): Promise<Rendition | undefined> {
    if (options.stored === undefined) return undefined
    const located = await sources.locate(order.place, signal)
    if (located === undefined || isFailure(located)) return undefined
    const etag = await etagOf(located.info.etag, url, order)
    return options.stored.get(url, order.sourceName, etag, signal)
  }

  async function confirm(
    kept: Rendition,
    order: Order,
    signal: AbortSignal,
  ): Promise<'holds' | 'replaced' | 'unknown' | 'unread'> {
    const located = await sources.locate(order.place, signal)
    if (located === undefined) return 'unread'
    if (isFailure(located)) return located.code === 'not-found' ? 'replaced' : 'unknown'
    return located.key === kept.sourceKey && located.info.etag === kept.sourceEtag ? 'holds' : 'replaced'
  }

  async function makeFrom(
    url: string,
    order: Order,
    kept: Rendition | undefined,
    signal: AbortSignal,
  ): Promise<Rendition | Failure> {
    const startedAt = performance.now()
    const lease = sources.open(order.place)
    try {
      const source = await waitFor(lease.value, signal)
      if (isFailure(source)) return source
      // Read again, and found to be the same.
      if (kept?.sourceKey === source.key && kept.sourceEtag === source.info.etag) return kept
      const timeLeftMs = () => options.deadlineMs - (performance.now() - startedAt)
      const { lane, weightBytes } = await laneOf(source, order.animated, options.lanes)
      const work = lane.run(
        signal,
        async () => {
          const verdict = order.policed ? await options.policy.judge(source, timeLeftMs(), signal) : undefined
          if (isFailure(verdict)) return verdict
          const allowed = verdict?.nsfw && options.policy.mode === 'blur' ? blurred(order) : order
          const rendered = await options.make(source, allowed, options.tools, {
            timeLeftMs: timeLeftMs(),
            signal,
          })
          if (isFailure(rendered) || verdict === undefined) return rendered
          return { ...rendered, nsfwProbability: verdict.probability }
        },
        { weightBytes, timeLeftMs: timeLeftMs() },
      )
      const made = await waitFor(work, signal)
      if (isFailure(made)) return made.code === 'undecodable' ? { ...made, code: order.undecodableIs } : made
      return {
        ...made,
        etag: await etagOf(source.info.etag, url, order),
        lastModified: source.info.lastModified,
        sourceName: order.sourceName,
        sourceKey: source.key,
        sourceEtag: source.info.etag,
      }
    } finally {
      lease.release()
    }
  }

  /** A caller with a copy is answered from the validators alone, which cost one question to the store. */
  async function unchanged(
    url: string,
    order: Order,
    headers: Headers,
    signal: AbortSignal,
  ): Promise<Rendered | undefined> {
    if (!headers.has('if-none-match') && !headers.has('if-modified-since')) return undefined
    const located = await sources.locate(order.place, signal)
    if (located === undefined || isFailure(located)) return undefined
    const validators = {
      etag: await etagOf(located.info.etag, url, order),
      lastModified: located.info.lastModified,
    }
    return isNotModified(headers, validators) ? { outcome: 'not-modified', validators } : undefined
  }

  /** The same on every node that would make the same bytes, another as soon as it would not. */
  async function etagOf(sourceEtag: string, url: string, { policed }: Order): Promise<string> {
    const policy = policed ? options.policy.version : ''
    return strongEtag(sourceEtag, url, await options.rendererVersion, policy)
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
      const order = orderOf(request)
      const notModified = await unchanged(url, order, headers, signal)
      if (notModified !== undefined) return notModified
      const refused = this.costsRender(request) ? refusalOf(order, options.lanes) : undefined
      if (refused !== undefined) return refused
      const flight = flights.join(url, (flightSignal) => fly(url, order, flightSignal))
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

function blurred(order: Order): Order {
  return { ...order, blur: Math.max(order.blur ?? 0, FLAGGED_BLUR) }
}
