/** Builds the engine from the configuration: its processes, its lanes, and the video decoder. */

import { availableParallelism } from 'node:os'
import type { Lane } from '../concurrency/lane.ts'
import { createEngine, type Engine } from '../engine/client.ts'
import { CLIP_THREADS } from '../engine/clip-threads.ts'
import { createJobClasses, type EnginePools } from '../engine/job-classes.ts'
import { createEngineLanes, type EngineLanes } from '../engine/lanes.ts'
import { createPool } from '../engine/pool.ts'
import { createRunner } from '../engine/runner.ts'
import type { Observer } from '../telemetry/observer.ts'
import { engineEvents, observeEngine } from './instrument.ts'
import { openStarter, type PoolName, type StarterOptions } from './starter.ts'

export interface OpenEngineOptions extends StarterOptions {
  readonly observer: Observer
  /** Wraps a lane with an observer. */
  readonly watched: (name: string, lane: Lane) => Lane
}

export interface OpenedEngine {
  readonly engine: Engine
  readonly lanes: EngineLanes
  readonly pools: EnginePools
  /** Everything that affects the bytes of a rendition besides its source and its options. */
  readonly rendererVersion: Promise<string>
  /** Returns the names of the parts of the engine that are not ready. */
  notReady(): Promise<readonly string[]>
}

/** The niceness of engine processes. It gives the thread that serves requests precedence on the CPUs. */
const ENGINE_NICENESS = 5
/**
 * The niceness of processes that run long jobs. Five steps
 * make a difference of three quarters of a CPU (sched(7)).
 */
const HEAVY_NICENESS = 12
/** The niceness of the processes that run the scan model. */
export const SCAN_NICENESS = 10
/** The niceness of processes that encode clips. Everything else takes precedence. */
const CLIP_NICENESS = 15

const RENEW_AFTER_BYTES = 8 * 1024 ** 3
/** How long the extra processes of a burst are kept, in milliseconds. */
const IDLE_MS = 10_000

/** Opens the engine. Its warm processes start at once; `notReady` lists what is missing until they are ready. */
export async function openEngine(options: OpenEngineOptions): Promise<OpenedEngine> {
  const { config, log, observer } = options
  const processors = availableParallelism()
  const images = config.engine.processes || Math.max(2, processors)
  const videos = config.engine.videos || processors
  const configured = [config.engine.processes, config.engine.videos]
  const renderQuality = config.render.quality
  const { avifPixels, clipSeconds, clipBytes, clipDeadlineMs } = config.limits
  const starter = await openStarter(options)
  const poolOf = (name: PoolName, niceness: number, warm: number, max: number) =>
    createPool({
      start: () => starter.start(name, niceness),
      warm,
      max,
      renewAfterJobs: config.engine.renewAfterJobs,
      renewAfterBytes: RENEW_AFTER_BYTES,
      idleMs: IDLE_MS,
      onEnd(end, process) {
        log.debug({ pid: process.pid, cause: end.cause }, 'an engine process ended')
        starter.cleanUp(process)
      },
    })
  const pools = {
    // Keeps one spare process ready until all lanes are busy. After that, when a process ends, one job waits
    // for the start of another.
    quick: poolOf('quick', ENGINE_NICENESS, processors, images),
    // This pool opens videos. Each process holds about 60 MiB, so by default there are no more than CPUs.
    heavy: poolOf('heavy', HEAVY_NICENESS, 1, Math.max(processors, ...configured)),
    clips: poolOf('clips', CLIP_NICENESS, 0, config.limits.clips),
  }
  void starter.decoder.then(({ changed }) => {
    // The running processes do not know the binary.
    if (changed) for (const pool of Object.values(pools)) pool.renew()
  })
  observer.metrics.watch('media_proxy.engine.processes', () =>
    Object.entries(pools).map(([pool, { size }]) => [size, { pool }]),
  )
  const slots = Array.from({ length: config.limits.clips }, (_, slot) => slot)
  observer.metrics.watch('media_proxy.engine.progress', () =>
    slots.map((slot) => [pools.clips.progress[slot] ?? 0, { slot }]),
  )
  const lanes = createEngineLanes({
    images,
    videos,
    clips: config.limits.clips,
    watched: options.watched,
    queue: config.limits.queuedRenders,
    memoryBytes: config.limits.renderMemoryBytes,
  })
  const events = engineEvents(observer, log)
  const maxCostOfClip = {
    memoryBytes: config.engine.memoryBytes,
    cpuSeconds: (clipDeadlineMs / 1000) * CLIP_THREADS,
  }
  const run = createRunner({
    classes: createJobClasses(lanes, pools, maxCostOfClip),
    maxCost: config.engine,
    events,
  })
  return {
    engine: observeEngine(
      createEngine({
        run,
        lanes,
        limits: config.limits,
        renderQuality,
        scanFrames: config.nsfw.frames,
      }),
      observer,
    ),
    lanes,
    pools,
    rendererVersion: starter.decoder.then(({ renderer, version }) =>
      JSON.stringify([
        renderer,
        version ?? '',
        renderQuality,
        avifPixels,
        clipSeconds,
        clipBytes,
        clipDeadlineMs,
      ]),
    ),
    async notReady() {
      if (pools.quick.fault !== undefined || pools.heavy.fault !== undefined) return ['engine']
      const { version } = await starter.decoder
      return version === undefined ? ['video decoder'] : []
    },
  }
}
