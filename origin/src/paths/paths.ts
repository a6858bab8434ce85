/**
 * Where the files lie that are started or read by their path. These are the ones of the repository; the package
 * `@media-proxy/server`, whose code lies in one folder, has its own (`server/src/paths.ts`).
 */

import { createRequire } from 'node:module'
import { join } from 'node:path'

const SOURCES = join(import.meta.dirname, '..')
const MODELS = join(SOURCES, '../models')

export const SERVER_SCRIPT = join(SOURCES, 'main.ts')
export const ENGINE_SCRIPT = join(SOURCES, 'engine/process/main.ts')
/** MobileNetV2, made by `pnpm model` (see origin/models/README.md). */
export const NSFW_MODEL = join(MODELS, 'nsfw.onnx')
/** For an engine process, which reads the system's fonts and leaves no cache of them. */
export const FONT_CONFIGURATION = join(SOURCES, '../fonts/fonts.conf')
/** For the samples of a fresh store (see scripts/photographs/README.md). */
export const PHOTOGRAPHS = join(SOURCES, '../../scripts/photographs')
export const FACE_MODEL = join(MODELS, 'face-detection.tflite')

/** Node's compile cache, and of what it is made. */
export const COMPILE_CACHE = join(SOURCES, '../node_modules/.cache/media-proxy/compiled')
/** Patterns of all sources: the cache is older than none of them. */
export const COMPILED_SOURCES = [join(SOURCES, '**/*.ts'), join(SOURCES, '../../shared/src/**/*.ts')]
/** Pattern of the modules of an engine process; what they import is compiled with them. */
export const ENGINE_MODULES = join(SOURCES, 'engine/process/**/*.ts')
export const SERVER_MODULES = ['origin.ts', 'telemetry/tracing.ts', 'main.ts'].map((path) =>
  join(SOURCES, path),
)

/**
 * What finds the build of libav for this platform, which is a package of its own. Throws `MODULE_NOT_FOUND` where
 * node-av is not installed.
 */
export function requireOfLibav(): NodeJS.Require {
  return createRequire(createRequire(import.meta.url).resolve('node-av/lib'))
}
