/** The paths of the package, in place of `origin/src/paths/paths.ts`. Code is in `dist` and `dist/chunks`. */

import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

const HERE = import.meta.dirname
/** The root of the package. This module is bundled into an entry or a shared chunk. */
const PACKAGE = dirname(basename(HERE) === 'chunks' ? dirname(HERE) : HERE)
const CODE = join(PACKAGE, 'dist')

export const SERVER_SCRIPT = join(CODE, 'server.js')
export const ENGINE_SCRIPT = join(CODE, 'engine.js')
export const NSFW_MODEL = join(PACKAGE, 'models/nsfw.onnx')
export const FONT_CONFIGURATION = join(PACKAGE, 'fonts/fonts.conf')
export const FACE_MODEL = join(PACKAGE, 'models/face-detection.tflite')
export const PHOTOGRAPHS = join(PACKAGE, 'photographs')
export const PLAYGROUND = join(PACKAGE, 'playground')
export const MANIFEST = join(PACKAGE, 'package.json')

export const COMPILE_CACHE = join(PACKAGE, 'compiled')
export const COMPILED_SOURCES = [join(CODE, '**/*.js')]
export const ENGINE_MODULES = join(CODE, '{chunks/*,engine}.js')
export const SERVER_MODULES = [SERVER_SCRIPT]

/** Returns the `require` for the builds of node-av, which are separate packages. node-av is bundled. */
export function requireOfLibav(): NodeJS.Require {
  return createRequire(import.meta.url)
}
