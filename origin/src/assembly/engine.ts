/** The engine of a configuration: its processes, its lanes, and what decodes videos. */

import { availableParallelism } from 'node:os'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { Lane } from '../concurrency/lane.ts'
import { createEngine, type Engine } from '../engine/client.ts'
import { CLIP_THREADS } from '../engine/clip-threads.ts'
import { createEngineLanes, type EngineLanes } from '../engine/lanes.ts'
import { createPool } from '../engine/pool.ts'
import { createRunner } from '../engine/runner.ts'
import { createWays, type EnginePools } from '../engine/ways.ts'
import type { Log } from '../telemetry/log.ts'
import type { Observer } from '../telemetry/observer.ts'
import { engineEvents, observeEngine } from './instrument.ts'
import { openStarter } from './starter.ts'

export interface OpenEngineOptions {
  readonly config: Config
  readonly log: Log
  readonly observer: Observer
  /** Where FFmpeg is looked for. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Puts whoever watches at the door of a lane. */
  readonly watched: (name: string, lane: Lane) => Lane
  /** A file whose presence makes every job crash its process: for tests of what a crash does. */
  readonly crashOn?: string
}

export interface OpenedEngine {
  readonly engine: Engine
  readonly lanes: EngineLanes
  readonly pools: EnginePools
  /** All that decides the bytes of a rendition besides its source and its options. */
  readonly rendererVersion: Promise<string>
  /** What of the engine is not ready, by name. */
  notReady(): Promise<readonly string[]>
}

/** Niceness of engine processes: the thread that answers gets a processor first. */
export const ENGINE_NICENESS = 5
/** Of those that open what takes long: five steps are three quarters of a processor (sched(7)). */
export const HEAVY_NICENESS = 12
export const SCAN_NICENESS = 10
/** Of those that make clips: whatever else is wanted comes first. */
const CLIP_NICENESS = 15

const RENEW_AFTER_BYTES = 8 * 1024 ** 3
/** How long processes that a rush called for are kept. */
const IDLE_MS = 10_000

export async function openEngine(options: OpenEngineOptions): Promise<OpenedEngine> {
  const { config, log, observer } = options
  const pictures = config.engine.processes || availableParallelism() + 1
  const videos = config.engine.videos || availableParallelism()
  const asked = [config.engine.processes, config.engine.videos]
  const renderQuality = config.render.quality
  const { avifPixels, clipSeconds, clipBytes } = config.limits
  const starter = await openStarter(options)
  const poolOf = (niceness: number, warm: number, most: number, decodesVideos = false) =>
    createPool({
      start: () => starter.start(niceness, decodesVideos),
      ...{ warm, most },
      renewAfterJobs: config.engine.renewAfterJobs,
      renewAfterBytes: RENEW_AFTER_BYTES,
      idleMs: IDLE_MS,
      onEnd(end, process) {
        log.debug({ pid: process.pid, cause: end.cause }, 'an engine process ended')
        starter.cleanUp(process)
      },
    })
  const pools = {
    // One stands ready until all lanes are at work: then the end of a process costs one job the start of another.
    quick: poolOf(ENGINE_NICENESS, availableParallelism(), pictures),
    // Videos are opened here, and libav with them: each process holds some 60 MiB, so there are no more than processors,
    // unless more are asked for.
    heavy: poolOf(HEAVY_NICENESS, 1, Math.max(availableParallelism(), ...asked), true),
    clips: poolOf(CLIP_NICENESS, 0, config.limits.clips),
  }
  void starter.decoder.then(({ changed }) => {
    // Those that run were not told of the binary.
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
    ...{ pictures, videos, clips: config.limits.clips, watched: options.watched },
    queue: config.limits.queuedRenders,
    memoryBytes: config.limits.renderMemoryBytes,
  })
  const events = engineEvents(observer, log)
  const mostOfClip = {
    memoryBytes: config.engine.memoryBytes,
    cpuSeconds: (config.limits.clipDeadlineMs / 1000) * CLIP_THREADS,
  }
  const run = createRunner({ ways: createWays(lanes, pools, mostOfClip), mostCost: config.engine, events })
  return {
    engine: observeEngine(
      createEngine({
        ...{ run, lanes, limits: config.limits, renderQuality },
        scanFrames: config.nsfw.frames,
      }),
      observer,
    ),
    ...{ lanes, pools },
    rendererVersion: starter.decoder.then(({ renderer, version }) =>
      JSON.stringify([renderer, version ?? '', renderQuality, avifPixels, clipSeconds, clipBytes]),
    ),
    async notReady() {
      if (pools.quick.fault !== undefined || pools.heavy.fault !== undefined) return ['engine']
      const { version } = await starter.decoder
      return version === undefined ? ['video decoder'] : []
    },
  }
}
