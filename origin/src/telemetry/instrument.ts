/** The rooms of the service with an observer at their doors; inside, nothing knows of it. */

import type { RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { ExternalFetch } from '../external/fetch.ts'
import type { Classifier } from '../nsfw/classifier.ts'
import type { Lane } from '../rendition/admission.ts'
import type { makeRendition } from '../rendition/make.ts'
import type { Ffmpeg } from '../video/ffmpeg.ts'
import type { Observer } from './observer.ts'

export function observeStore(store: ObjectStore, observer: Observer): ObjectStore {
  const { metrics } = observer
  const observed = (operation: string) => ({
    span: `store ${operation}`,
    metric: 'media_proxy.store.operation.duration' as const,
    labels: { operation },
  })
  return {
    head: (...words) => observer.observe(observed('head'), () => store.head(...words)),
    async get(...words) {
      const object = await observer.observe(observed('get'), () => store.get(...words))
      if (!isFailure(object)) {
        const { start, end } = object.range ?? { start: 0, end: object.info.sizeBytes - 1 }
        metrics.count('media_proxy.store.read.bytes', {}, Math.max(0, end - start + 1))
      }
      return object
    },
    put: (...words) => observer.observe(observed('put'), () => store.put(...words)),
    removeBelow: (...words) => observer.observe(observed('remove'), () => store.removeBelow(...words)),
    check: (...words) => store.check(...words),
  }
}

export function observeExternal(external: ExternalFetch, observer: Observer): ExternalFetch {
  return {
    open: (...words) =>
      observer.observe({ span: 'external fetch', metric: 'media_proxy.external.request.duration' }, () =>
        external.open(...words),
      ),
    close: () => external.close(),
  }
}

export function observeFfmpeg(ffmpeg: Ffmpeg, observer: Observer): Ffmpeg {
  return {
    abilities: ffmpeg.abilities,
    run: (...words) =>
      observer.observe({ span: 'ffmpeg', metric: 'media_proxy.ffmpeg.run.duration' }, () =>
        ffmpeg.run(...words),
      ),
  }
}

export function observeClassifier(classifier: Classifier, observer: Observer): Classifier {
  return {
    loaded: classifier.loaded,
    get fault() {
      return classifier.fault
    },
    get waiting() {
      return classifier.waiting
    },
    classify(frames, signal) {
      observer.metrics.count('media_proxy.nsfw.frames', {}, frames.length)
      return observer.observe({ span: 'nsfw scan', metric: 'media_proxy.nsfw.scan.duration' }, () =>
        classifier.classify(frames, signal),
      )
    },
    close: () => classifier.close(),
  }
}

/** Tells what waits and runs in lanes, by their names. */
export function watchLanes(lanes: Readonly<Record<string, Lane>>, { metrics }: Observer): void {
  const each = (read: (lane: Lane) => number) => () =>
    Object.entries(lanes).map(([lane, own]) => [read(own), { lane }] as const)
  metrics.watch(
    'media_proxy.admission.waiting',
    each((lane) => lane.waiting),
  )
  metrics.watch(
    'media_proxy.admission.running',
    each((lane) => lane.running),
  )
}

/** `name` is the label of its metrics. */
export function observeLane(lane: Lane, name: string, { metrics, observe }: Observer): Lane {
  const observed: Lane = {
    async acquire(...words) {
      const startedAt = performance.now()
      const place = await observe({ span: `queue ${name}` }, () => lane.acquire(...words))
      metrics.record('media_proxy.admission.wait.duration', (performance.now() - startedAt) / 1000, {
        lane: name,
      })
      return place
    },
    async run(signal, work, admission) {
      const place = await observed.acquire(signal, admission)
      if (isFailure(place)) return place
      try {
        return await work()
      } finally {
        place.release()
      }
    },
    refusal: (underWay) => lane.refusal(underWay),
    get running() {
      return lane.running
    },
    get waiting() {
      return lane.waiting
    },
  }
  return observed
}

export function observeLimiter(limiter: RateLimiter, { metrics }: Observer): RateLimiter {
  return {
    async spend(name, ...words) {
      const limited = await limiter.spend(name, ...words)
      if (limited.failure !== undefined) metrics.count('media_proxy.rate_limit.refusals', { budget: name })
      return limited
    },
  }
}

export function observeRenders(make: typeof makeRendition, observer: Observer): typeof makeRendition {
  return async (source, order, ...words) => {
    const input = source.kind?.format ?? 'unknown'
    const startedAt = performance.now()
    const made = await observer.observe({ span: 'render', labels: { input } }, () =>
      make(source, order, ...words),
    )
    observer.metrics.record('media_proxy.render.duration', (performance.now() - startedAt) / 1000, {
      input,
      output: isFailure(made) ? 'none' : made.format,
      outcome: isFailure(made) ? made.failure : 'ok',
    })
    return made
  }
}
