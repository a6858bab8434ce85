/** The engine of a configuration: its processes, its lanes, and what decodes videos. */

import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { Lane } from '../concurrency/lane.ts'
import { createEngine, type Engine } from '../engine/client.ts'
import { startEngineProcess } from '../engine/engine-process.ts'
import { type FfmpegBinary, inspectFfmpeg } from '../engine/ffmpeg-binary.ts'
import type { Ready } from '../engine/jobs.ts'
import { createEngineLanes, type EngineLanes } from '../engine/lanes.ts'
import { createPool } from '../engine/pool.ts'
import { createRunner } from '../engine/runner.ts'
import { findIsolation, type Isolation } from '../engine/sandbox.ts'
import { type EngineSetup, encodeSetup } from '../engine/setup.ts'
import { createWays, type EnginePools } from '../engine/ways.ts'
import { removeFoldersOf } from '../streams/temporary-folder.ts'
import type { Log } from '../telemetry/log.ts'
import type { Observer } from '../telemetry/observer.ts'
import { engineEvents, observeEngine } from './instrument.ts'

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

/** Arguments of Node before the script: a job's own objects are small, what it decodes is not on V8's heap. */
const NODE_FLAGS = [
  '--max-semi-space-size=2',
  '--max-old-space-size=256',
  '--disable-warning=ExperimentalWarning',
]
const SCRIPT = join(import.meta.dirname, '../engine/process/main.ts')

const RENEW_AFTER_BYTES = 8 * 1024 ** 3
/** How long processes that a rush called for are kept. */
const IDLE_MS = 10_000

/** The words that start an engine process of a role. */
export function engineWords(setup: EngineSetup): readonly string[] {
  return [...NODE_FLAGS, SCRIPT, encodeSetup(setup)]
}

export async function openEngine(options: OpenEngineOptions): Promise<OpenedEngine> {
  const { config, log, observer, environment } = options
  const { limits } = config
  const isolation = findIsolation()
  logIsolation(isolation, log)
  const pictures = config.engine.processes || availableParallelism() + 1
  const videos = config.engine.videos || availableParallelism()
  const usesLibav = config.engine.libav && hasLibav()
  let ffmpeg = usesLibav ? undefined : await lookForFfmpeg(environment, log)
  const loaded = Promise.withResolvers<Ready>()
  let asked = false
  const start = (niceness: number) => {
    // One of them loads libav at once, and tells whether it could.
    const asks = !asked && niceness === HEAVY_NICENESS
    if (asks) asked = true
    const setup: EngineSetup = {
      role: 'media',
      libav: !usesLibav ? 'off' : asks ? 'at once' : 'when needed',
      decoderMemoryBytes: limits.decoderMemoryBytes,
      temporaryFileBytes: limits.temporaryFileBytes,
      ...(ffmpeg === undefined ? {} : { ffmpeg }),
      ...(options.crashOn === undefined ? {} : { crashOn: options.crashOn }),
    }
    const started = startEngineProcess({
      words: engineWords(setup),
      // Only FFmpeg has a use for files.
      environment: ffmpeg === undefined ? {} : { TMPDIR: tmpdir() },
      sandbox: {
        jobMemoryBytes: config.engine.memoryBytes,
        fileBytes: ffmpeg === undefined ? 0 : limits.temporaryFileBytes,
        niceness,
        isolation,
      },
    })
    if (asks) {
      void started.ready.then((ready) => {
        if (ready === undefined) asked = false
        else loaded.resolve(ready)
      })
    }
    return started
  }
  const poolOf = (niceness: number, warm: number, most: number) =>
    createPool({
      start: () => start(niceness),
      ...{ warm, most },
      renewAfterJobs: config.engine.renewAfterJobs,
      renewAfterBytes: RENEW_AFTER_BYTES,
      idleMs: IDLE_MS,
      onEnd({ cause }, { pid }) {
        log.debug({ pid, cause }, 'an engine process ended')
        if (ffmpeg !== undefined) void removeFoldersOf(pid, 'video')
      },
    })
  const pools = {
    quick: poolOf(ENGINE_NICENESS, availableParallelism(), pictures + 1),
    // Videos are opened here, and libav with them.
    heavy: poolOf(HEAVY_NICENESS, 1, pictures + videos + 1),
  }
  const decoder = loaded.promise.then(async ({ renderer, libav }) => {
    if (libav !== null) {
      log.info({ version: libav }, 'libav decodes videos')
      return { renderer, version: libav }
    }
    if (usesLibav) {
      log.warn('libav is installed but does not load, so FFmpeg decodes videos')
      ffmpeg = await lookForFfmpeg(environment, log)
      // Those that run were not told of it.
      pools.heavy.renew()
      pools.quick.renew()
    }
    return { renderer, version: ffmpeg?.version }
  })
  observer.metrics.watch('media_proxy.engine.processes', () => [
    [pools.quick.size, { pool: 'quick' }],
    [pools.heavy.size, { pool: 'heavy' }],
  ])
  const lanes = createEngineLanes({
    pictures,
    videos,
    queue: limits.queuedRenders,
    memoryBytes: limits.renderMemoryBytes,
    watched: options.watched,
  })
  const engine = createEngine({
    run: createRunner({
      ways: createWays(lanes, pools),
      mostCost: config.engine,
      events: engineEvents(observer, log),
    }),
    lanes,
    limits,
  })
  return {
    engine: observeEngine(engine, observer),
    lanes,
    pools,
    rendererVersion: decoder.then(({ renderer, version }) => JSON.stringify([renderer, version ?? ''])),
    async notReady() {
      if (pools.quick.fault !== undefined || pools.heavy.fault !== undefined) return ['engine']
      const { version } = await decoder
      return version === undefined ? ['video decoder'] : []
    },
  }
}

/** Tells whether the package is there, with a build for this platform; whether it loads is told by a process. */
function hasLibav(): boolean {
  const require = createRequire(import.meta.url)
  try {
    const inPackage = createRequire(require.resolve('node-av/lib'))
    inPackage.resolve(`@seydx/node-av-${process.platform}-${process.arch}/package.json`)
    return true
  } catch (error) {
    // An optional dependency: its absence is one of the cases that this is for.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return false
    throw error
  }
}

async function lookForFfmpeg(
  environment: OpenEngineOptions['environment'],
  log: Log,
): Promise<FfmpegBinary | undefined> {
  const binary = await inspectFfmpeg(environment)
  if ('fault' in binary) {
    log.error({ detail: binary.fault }, 'no stills of videos: install FFmpeg 5 or newer, or set FFMPEG_PATH')
    return undefined
  }
  log.info({ ...binary }, 'FFmpeg decodes videos')
  return binary
}

function logIsolation({ network }: Isolation, log: Log): void {
  if (network === 'none') log.info('engine processes have no network')
  else log.warn('this system does not let engine processes be cut off from the network; their limits hold')
}
