/** Which model scans. */

import { join } from 'node:path'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { ModelOptions } from '../engine/scan-model.ts'

/** MobileNetV2, made by `pnpm model` (see origin/models/README.md). */
export const BUNDLED_MODEL_PATH = join(import.meta.dirname, '../../models/nsfw.onnx')

/** The model that a configuration names. */
export function modelOf({ nsfwModelPath, nsfw }: Config): ModelOptions {
  return {
    path: nsfwModelPath ?? BUNDLED_MODEL_PATH,
    layout: nsfw.layout,
    colours: nsfw.colours,
    threads: nsfw.threads,
  }
}
