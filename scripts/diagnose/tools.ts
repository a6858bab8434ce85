/** Checks the tools of the origin: the video decoder, Sharp, the model, the allocator. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { classifierOf } from '@media-proxy/origin/assembly/scan.ts'
import { FFMPEG_VARIABLE, findFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'
import { tryLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { MODEL_IMAGE_BYTES } from '@media-proxy/origin/engine/scan-model.ts'
import { modelOf } from '@media-proxy/origin/nsfw/model.ts'
import { FONT_CONFIGURATION } from '@media-proxy/origin/paths/paths.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { pino } from 'pino'
import sharp from 'sharp'
import { POOL_THREADS } from '../origin-process.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The video codecs of the contract, under the names of
 * FFmpeg. Stills of a codec that is missing are rejected.
 */
const DECODERS = [
  'h264',
  'hevc',
  'vp8',
  'vp9',
  'theora',
  'mpeg4',
  'mpeg2video',
  'mpeg1video',
  'h263',
  'prores',
  'mjpeg',
  'wmv1',
  'wmv2',
  'wmv3',
  'vc1',
  'msmpeg4',
]
/** Any of these decodes AV1. */
const AV1_DECODERS = ['libdav1d', 'libaom-av1', 'av1']
const INSTALL_FFMPEG =
  'install FFmpeg 5 or newer (Debian and Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg), or set FFMPEG_PATH'

/** Checks the video decoder: libav in the engine, otherwise the FFmpeg binary. `usesLibav` is the setting. */
export async function checkVideoDecoder(
  environment: Environment,
  usesLibav: boolean,
): Promise<readonly Finding[]> {
  if (!usesLibav) return checkFfmpeg(environment)
  const libav = await tryLibav()
  if (!('fault' in libav)) return [ok('libav', `${libav.version}, decodes videos in the engine`)]
  const found = `does not load: ${libav.fault}`
  return [
    warning('libav', found, 'reinstall node-av, or let FFmpeg decode videos'),
    ...(await checkFfmpeg(environment)),
  ]
}

function checkFfmpeg(environment: Environment): readonly Finding[] {
  const path = findFfmpeg(environment)
  if (path === undefined) {
    const named = environment[FFMPEG_VARIABLE]
    const found = named === undefined ? 'none was found' : `FFMPEG_PATH names ${named}, which cannot be run`
    return [failed('FFmpeg', `${found}: video stills are disabled`, INSTALL_FFMPEG)]
  }
  const run = (word: string) => spawnSync(path, ['-hide_banner', word], { encoding: 'utf8', timeout: 10_000 })
  const version = spawnSync(path, ['-version'], { encoding: 'utf8', timeout: 10_000 })
  const name = /^ffmpeg version (\S+)/.exec(version.stdout ?? '')?.[1]
  if (version.status !== 0 || name === undefined) {
    return [
      failed(
        'FFmpeg',
        `${path} does not run (${version.error?.message ?? version.stderr.slice(0, 100)})`,
        INSTALL_FFMPEG,
      ),
    ]
  }
  const decoders = namesIn(run('-decoders').stdout)
  const missing = DECODERS.filter((codec) => !decoders.has(codec))
  if (!AV1_DECODERS.some((codec) => decoders.has(codec))) missing.push('av1')
  const toneMaps = namesIn(run('-filters').stdout).has('zscale')
  return [
    ok('FFmpeg', `${name}, ${path}`),
    missing.length === 0
      ? ok('FFmpeg decoders', 'all that matter')
      : warning('FFmpeg decoders', `without ${missing.join(', ')}`, 'install a full build of FFmpeg'),
    toneMaps
      ? ok('FFmpeg filters', 'tone maps HDR')
      : warning(
          'FFmpeg filters',
          'without zscale: stills of HDR videos look pale',
          'install a build with zimg',
        ),
  ]
}

/** Returns the second word of each line, after the column of flags. */
function namesIn(listing: string | null): ReadonlySet<string> {
  return new Set((listing ?? '').split('\n').flatMap((line) => /^ ?\S+ +(\S+)/.exec(line)?.[1] ?? []))
}

const WRITTEN_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'heif'] as const
const READ_FORMATS = [...WRITTEN_FORMATS, 'svg', 'tiff'] as const

export function checkSharp(): Finding {
  const { format, versions } = sharp
  const missing = [
    ...READ_FORMATS.filter((name) => !format[name]?.input.buffer).map((name) => `reading ${name}`),
    ...WRITTEN_FORMATS.filter((name) => !format[name]?.output.buffer).map((name) => `writing ${name}`),
  ]
  return missing.length === 0
    ? ok('Sharp', `${versions.sharp}, libvips ${versions.vips}, every format`)
    : failed(
        'Sharp',
        `without ${missing.join(', ')}`,
        'install again with sharp’s own binaries: pnpm install --force',
      )
}

/** Draws letters in the same way as the engine, with its fonts. Warnings of fontconfig are discarded. */
export function checkFonts(configuration: string = FONT_CONFIGURATION): Finding {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'draw-letters.ts')], {
    env: { ...process.env, FONTCONFIG_FILE: configuration },
    stdio: 'ignore',
  })
  return status === 0
    ? ok('fonts', 'SVG text is rendered')
    : warning(
        'fonts',
        'none: SVG text becomes boxes',
        'install some (Debian and Ubuntu: apt-get install fonts-dejavu-core)',
      )
}

const MODEL_TIMEOUT_MS = 30_000

/** Loads the model and scans a grey square with it. */
export async function checkModel(config: Config): Promise<Finding> {
  const check = 'NSFW model'
  if (!config.nsfw.enabled || config.staticMode) return ok(check, 'not used')
  const model = modelOf(config)
  const fix =
    'set MEDIA_PROXY_NSFW_MODEL_PATH to an ONNX model of the contract in origin/models/README.md, or leave it out'
  const classifier = classifierOf(model, 1, pino({ level: 'silent' }))
  try {
    const fault = await classifier.loaded
    if (fault !== undefined)
      return failed(check, `${model.path} is not loaded: ${fault.detail ?? fault.code}`, fix)
    const startedAt = performance.now()
    const grey = new Uint8Array(MODEL_IMAGE_BYTES).fill(128)
    const scores = await classifier.classify(grey, AbortSignal.timeout(MODEL_TIMEOUT_MS))
    return isFailure(scores)
      ? failed(check, `${model.path} does not answer: ${scores.detail ?? scores.code}`, fix)
      : ok(check, `answers in ${(performance.now() - startedAt).toFixed(0)} ms`)
  } finally {
    await classifier.close()
  }
}

/**
 * Checks the environment variables that have to be set before Node starts. `pnpm start:origin` sets all of
 * them but jemalloc.
 */
export function checkProcess(environment: Environment): readonly Finding[] {
  const jemalloc = /jemalloc|mimalloc|tcmalloc/.exec(environment.LD_PRELOAD ?? '')?.[0]
  const arenas = environment.MALLOC_ARENA_MAX
  const threads = Number(environment.UV_THREADPOOL_SIZE ?? 4)
  const bounded = jemalloc !== undefined || arenas !== undefined || process.platform !== 'linux'
  return [
    bounded
      ? ok('allocator', jemalloc ?? (arenas === undefined ? process.platform : `${arenas} arenas`))
      : warning(
          'allocator',
          'glibc with an arena for each thread keeps memory that was freed',
          'start with pnpm start:origin, which sets MALLOC_ARENA_MAX=2, or preload jemalloc as the Dockerfile does',
        ),
    threads >= POOL_THREADS
      ? ok('thread pool', `${threads} threads`)
      : warning(
          'thread pool',
          `${threads} threads: file reads and name lookups wait for each other`,
          `start with pnpm start:origin, or set UV_THREADPOOL_SIZE=${POOL_THREADS}`,
        ),
  ]
}
