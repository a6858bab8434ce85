/** Starts the processes that open media, and determines which decoder they use for videos. */

import { tmpdir } from 'node:os'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type EngineProcess, startEngineProcess } from '../engine/engine-process.ts'
import { type FfmpegBinary, inspectFfmpeg } from '../engine/ffmpeg-binary.ts'
import type { EnginePools } from '../engine/job-classes.ts'
import type { Ready } from '../engine/jobs.ts'
import { findIsolation, type Isolation } from '../engine/sandbox.ts'
import { type EngineSetup, encodeSetup } from '../engine/setup.ts'
import { ENGINE_SCRIPT, requireOfLibav } from '../paths/paths.ts'
import { removeFoldersOf } from '../streams/temporary-folder.ts'
import type { Log } from '../telemetry/log.ts'

export interface StarterOptions {
  readonly config: Config
  readonly log: Log
  /** The environment variables in which FFmpeg is searched. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A file whose presence makes every job crash its process. For tests of crashes. */
  readonly crashOn?: string
}

export interface Starter {
  start(pool: PoolName, niceness: number): EngineProcess
  /** Removes the temporary files of a process that has ended. */
  cleanUp(process: EngineProcess): void
  /** The renderer and the video decoder. Resolves once a process has reported whether libav loads. */
  readonly decoder: Promise<DetectedDecoder>
}

/**
 * `quick` loads libav before it is ready, because the time limit of its jobs does not include that. `heavy` may
 * report whether libav loads. `clips` loads it with the first clip.
 */
export type PoolName = keyof EnginePools

export interface DetectedDecoder {
  readonly renderer: string
  /** The version of libav, or of the FFmpeg binary. Undefined when neither is available. */
  readonly version: string | undefined
  /** Whether processes that were started earlier were configured with another decoder. */
  readonly changed: boolean
}

/**
 * The arguments of Node before the script. The JavaScript objects of a job are small, because decoded pixels
 * are not on the heap of V8.
 */
const NODE_FLAGS = [
  '--max-semi-space-size=2',
  '--max-old-space-size=256',
  '--disable-warning=ExperimentalWarning',
]

/** After this number of processes that ended while loading libav, it is no longer tried. */
const MAX_TRIES = 3

/** Returns the arguments that start an engine process in a role. */
export function engineArguments(setup: EngineSetup): readonly string[] {
  return [...NODE_FLAGS, ENGINE_SCRIPT, encodeSetup(setup)]
}

/** Opens the starter, after it has found out how processes can be isolated and which decoder is available. */
export async function openStarter(options: StarterOptions): Promise<Starter> {
  const { config, log, environment } = options
  const isolation = findIsolation()
  logIsolation(isolation, log)
  const usesLibav = config.engine.libav && hasLibav()
  let ffmpeg = usesLibav ? undefined : await detectFfmpeg(environment, log)
  const reported = Promise.withResolvers<Ready>()
  let isReporting = false
  let tries = 0
  const decoder = reported.promise.then(async ({ renderer, libav, libavFault }): Promise<DetectedDecoder> => {
    if (libav !== null) {
      log.info({ version: libav }, 'libav decodes videos')
      return { renderer, version: libav, changed: false }
    }
    if (usesLibav) {
      log.warn({ detail: libavFault }, 'libav is installed but does not load, so FFmpeg decodes videos')
      ffmpeg = await detectFfmpeg(environment, log)
    }
    return { renderer, version: ffmpeg?.version, changed: usesLibav }
  })
  return {
    decoder,
    start(pool, niceness) {
      // One of these processes loads libav at once and reports whether that works.
      const reports = pool === 'heavy' && !isReporting
      if (reports) isReporting = true
      // When libav keeps crashing its process while it loads, the processes run without it.
      const given = usesLibav && tries < MAX_TRIES
      const libav = !given ? 'off' : reports || pool === 'quick' ? 'at once' : 'when needed'
      const started = startEngineProcess(processOptions(options, { niceness, libav, ffmpeg, isolation }))
      if (reports) {
        void started.ready.then((ready) => {
          if (ready !== undefined) return reported.resolve(ready)
          isReporting = false
          tries += 1
        })
      }
      return started
    },
    cleanUp({ pid }) {
      if (ffmpeg !== undefined) void removeFoldersOf(pid, 'video')
    },
  }
}

interface ProcessSettings {
  readonly niceness: number
  readonly libav: 'off' | 'when needed' | 'at once'
  readonly ffmpeg: FfmpegBinary | undefined
  readonly isolation: Isolation
}

function processOptions(
  { config: { limits, engine }, crashOn }: StarterOptions,
  { niceness, libav, ffmpeg, isolation }: ProcessSettings,
) {
  const setup: EngineSetup = {
    role: 'media',
    libav,
    decoderMemoryBytes: limits.decoderMemoryBytes,
    temporaryFileBytes: limits.temporaryFileBytes,
    ...(ffmpeg === undefined ? {} : { ffmpeg }),
    ...(crashOn === undefined ? {} : { crashOn }),
  }
  return {
    args: engineArguments(setup),
    // Only FFmpeg uses files.
    environment: ffmpeg === undefined ? {} : { TMPDIR: tmpdir() },
    sandbox: {
      jobMemoryBytes: engine.memoryBytes,
      fileBytes: ffmpeg === undefined ? 0 : limits.temporaryFileBytes,
      niceness,
      isolation,
    },
  }
}

/**
 * Whether the package is installed, with a build for this
 * platform. Whether it loads is found out by an engine process.
 */
function hasLibav(): boolean {
  try {
    requireOfLibav().resolve(`@seydx/node-av-${process.platform}-${process.arch}/package.json`)
    return true
  } catch (error) {
    // It is an optional dependency, so it may be missing.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return false
    throw error
  }
}

async function detectFfmpeg(
  environment: StarterOptions['environment'],
  log: Log,
): Promise<FfmpegBinary | undefined> {
  const binary = await inspectFfmpeg(environment)
  if ('fault' in binary) {
    log.error(
      { detail: binary.fault },
      'video stills are disabled: install FFmpeg 5 or newer, or set FFMPEG_PATH',
    )
    return undefined
  }
  log.info({ ...binary }, 'FFmpeg decodes videos')
  return binary
}

function logIsolation({ network }: Isolation, log: Log): void {
  if (network === 'none') log.info('engine processes have no network')
  else
    log.warn(
      'this system does not support network isolation of engine processes; their resource limits still apply',
    )
}
