/**
 * The paths of files that are started or read by path. These are the paths in the repository. The package
 * `@media-proxy/server`, whose code is in one folder, has its own (`server/src/paths.ts`).
 */

import { createRequire } from 'node:module'
import { join } from 'node:path'

const SOURCES = join(import.meta.dirname, '..')
const MODELS = join(SOURCES, '../models')

export const SERVER_SCRIPT = join(SOURCES, 'main.ts')
export const ENGINE_SCRIPT = join(SOURCES, 'engine/process/main.ts')
/** MobileNetV2, made by `pnpm model` (see origin/models/README.md). */
export const NSFW_MODEL = join(MODELS, 'nsfw.onnx')
/** The font configuration of engine processes. It uses the fonts of the system and writes no font cache. */
export const FONT_CONFIGURATION = join(SOURCES, '../fonts/fonts.conf')
/** Photographs for the samples of a new store (see scripts/photographs/README.md). */
export const PHOTOGRAPHS = join(SOURCES, '../../scripts/photographs')
export const FACE_MODEL = join(MODELS, 'face-detection.tflite')

/** The folder of Node's compile cache, and the modules that it is made from. */
export const COMPILE_CACHE = join(SOURCES, '../node_modules/.cache/media-proxy/compiled')
/** Patterns of all sources. The cache is outdated when any of them is newer. */
export const COMPILED_SOURCES = [join(SOURCES, '**/*.ts'), join(SOURCES, '../../shared/src/**/*.ts')]
/** A pattern of the modules of an engine process. Their imports are compiled as well. */
export const ENGINE_MODULES = join(SOURCES, 'engine/process/**/*.ts')
export const SERVER_MODULES = ['origin.ts', 'telemetry/tracing.ts', 'main.ts'].map((path) =>
  join(SOURCES, path),
)

/**
 * Returns a `require` function that finds the build of libav for this platform, which is a separate package.
 * Throws `MODULE_NOT_FOUND` when node-av is not installed.
 */
export function requireOfLibav(): NodeJS.Require {
  return createRequire(createRequire(import.meta.url).resolve('node-av/lib'))
}
